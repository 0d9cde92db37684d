/** A configuration and overrides in memory, for tests of the front doors. */
import type { Json } from "../../src/config/document/json.ts";
import { differences } from "../../src/config/document/diff.ts";
import { Secrets } from "../../src/config/document/secrets.ts";
import { fingerprint } from "../../src/config/document/fingerprint.ts";
import type { LiveConfig } from "../../src/control/api_config.ts";
import type {
  OverrideChange,
  OverrideControl,
  OverrideView,
} from "../../src/control/api_overrides.ts";

/** Takes every document; `asked` is told each call. */
export class FakeLiveConfig implements LiveConfig {
  readonly secrets = new Secrets(new Uint8Array(32));
  current: Json | null = {};
  file: Json = {};

  constructor(
    private readonly asked: (...call: unknown[]) => void,
  ) {}

  restore(document: Json) {
    return this.secrets.restore(document, [this.current, this.file]);
  }

  document() {
    return this.current;
  }

  // Asynchronous, so that what `edit` throws is a rejection as it is in the real one.
  // deno-lint-ignore require-await
  async change(edit: (current: Json | null) => Json | null) {
    this.asked("changeConfig");
    const before = fingerprint(this.current);
    this.current = edit(structuredClone(this.current));
    const after = fingerprint(this.current);
    return { changed: before !== after, note: "in force", before, after };
  }

  difference() {
    return differences(this.file, this.current);
  }

  save() {
    this.asked("saveConfig");
    return Promise.resolve("/etc/mailferry/config.toml");
  }

  // deno-lint-ignore require-await -- as above
  async reload({ discard }: { discard: boolean }) {
    this.asked("reloadConfig", ...discard ? ["discard"] : []);
    return { reloaded: true as const, note: "server.threads needs a restart" };
  }
}

export class FakeOverrides implements OverrideControl {
  views: OverrideView[] = [];

  constructor(
    private readonly asked: (...call: unknown[]) => void,
  ) {}

  list() {
    return this.views;
  }

  get(kind: string, key: string) {
    return this.views.find((view) => view.kind === kind && view.key === key)
      ?.value;
  }

  // deno-lint-ignore require-await -- as in FakeLiveConfig
  async change(changes: readonly OverrideChange[], by: string) {
    this.asked("changeOverrides", changes, by);
  }

  // deno-lint-ignore require-await -- as in FakeLiveConfig
  async clear(which: { kind?: string; key?: string }, by: string) {
    this.asked("clearOverrides", which, by);
    return this.views.length;
  }
}
