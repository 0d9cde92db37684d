import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { Json } from "../../config/document/json.ts";
import type { Resources } from "../../config/resources.ts";
import type { Config } from "../../config/schema.ts";
import { ControlError } from "../api.ts";
import type {
  OverrideChange,
  OverrideControl,
  OverrideView,
} from "../api_overrides.ts";
import type { Served } from "../served.ts";
import type { StateDir } from "../state_dir.ts";
import type { OverrideKind } from "./kind.ts";
import { overrideKinds } from "./kinds.ts";
import { Overlay } from "./overlay.ts";

/** In the state folder. */
const NAME = "overrides.json";

const json: z.ZodType<Json> = z.json() as z.ZodType<Json>;

const savedSchema = z.array(z.strictObject({
  kind: z.string(),
  key: z.string(),
  value: json,
  /** What the configuration said when it was set. */
  base: json,
  set_at: z.iso.datetime(),
  set_by: z.string(),
}));

type Entry = z.output<typeof savedSchema>[number];
type Entries = ReadonlyMap<string, Entry>;

/** What overrides are laid over. */
export interface Ground {
  readonly config: Config;
  readonly resources: Resources;
}

/** How overrides come into force. */
export interface OverrideHost {
  /** The configuration without overrides. */
  ground(): Ground;
  /** Nobody else changes what is in force while `job` runs. */
  exclusively<T>(job: () => Promise<T>): Promise<T>;
  /** What is wrong with a configuration that overrides were laid over. */
  problems(config: Config): Promise<readonly string[]>;
  /** Put `served` in force; `settle` is awaited before, and calls it off by throwing. */
  put(served: Served, settle: () => Promise<void>): Promise<void>;
}

/**
 * What administrators set at run time, in a layer of its own over the configuration: it stands until it is
 * cleared, survives restarts in the state folder, and says where it hides a later change of the
 * configuration.
 */
export class Overrides implements OverrideControl {
  #entries: Entries = new Map();

  constructor(
    private readonly state: StateDir,
    private readonly host: () => OverrideHost,
    private readonly kinds: readonly OverrideKind[] = overrideKinds,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Everything that was set, for another process to go on with. */
  save(): Json[] {
    return [...this.#entries.values()];
  }

  /** Go on where another process was. Throws where it cannot be understood or kept. */
  async restore(saved: readonly Json[]): Promise<void> {
    this.#entries = this.#parse(saved);
    const isNone = saved.length === 0 && await this.state.read(NAME) === null;
    if (!isNone) await this.#keep(this.#entries);
  }

  /** Read what was kept. Throws ControlError("failed") where it cannot be understood. */
  async load(): Promise<void> {
    const text = await this.state.read(NAME);
    if (text === null) return;
    try {
      this.#entries = this.#parse(JSON.parse(text));
    } catch {
      throw new ControlError(
        "failed",
        `${this.state.path}/${NAME} cannot be understood: mend it, or remove it to clear what was set at run time`,
      );
    }
  }

  /** Throws where it is nothing that was saved. */
  #parse(saved: unknown): Entries {
    const entries = savedSchema.parse(saved);
    for (const { kind, value } of entries) {
      this.#kind(kind).value.parse(value);
    }
    return new Map(entries.map((entry) => [keyOf(entry), entry]));
  }

  async #keep(entries: Entries): Promise<void> {
    const text = JSON.stringify([...entries.values()], null, 2);
    await this.state.write(NAME, `${text}\n`);
  }

  /** A configuration with everything that was set laid over it. */
  lay(ground: Ground): Served {
    return this.#lay(ground, this.#entries);
  }

  list(): OverrideView[] {
    const { config, resources } = this.host().ground();
    return [...this.#entries.values()].map((entry) => {
      const { kind, key, value, base, set_at, set_by } = entry;
      const declared = this.#kind(kind);
      const configured = declared.base(config, key, resources);
      return {
        kind,
        key,
        value: declared.shown?.(value) ?? value,
        configured: configured ?? null,
        state: configured === undefined
          ? "unused"
          : isDeepStrictEqual(configured, base)
          ? "in-force"
          : "stale",
        set_at,
        set_by,
      };
    });
  }

  get(kind: string, key: string): Json | undefined {
    return this.#entries.get(keyOf({ kind, key }))?.value;
  }

  async change(
    changes: readonly OverrideChange[],
    by: string,
  ): Promise<void> {
    await this.host().exclusively(() => this.#change(changes, by));
  }

  /**
   * Change one by what it is now: `revise` gets the value that is set, and what it stands over, and answers
   * the wanted one. The same value again changes nothing; what it throws is passed on.
   */
  async revise(
    which: { readonly kind: string; readonly key: string },
    by: string,
    revise: (value: Json | undefined, ground: Ground) => Json | undefined,
  ): Promise<void> {
    const host = this.host();
    await host.exclusively(async () => {
      const now = this.get(which.kind, which.key);
      const value = revise(now, host.ground());
      if (value !== now) await this.#change([{ ...which, value }], by);
    });
  }

  async clear(
    which: { readonly kind?: string; readonly key?: string },
    by: string,
  ): Promise<number> {
    return await this.host().exclusively(async () => {
      const gone = [...this.#entries.values()].filter(({ kind, key }) =>
        (which.kind === undefined || which.kind === kind) &&
        (which.key === undefined || which.key === key)
      );
      if (gone.length === 0) return 0;
      const changes = gone.map(({ kind, key }) => ({
        kind,
        key,
        value: undefined,
      }));
      await this.#change(changes, by);
      return gone.length;
    });
  }

  async #change(
    changes: readonly OverrideChange[],
    by: string,
  ): Promise<void> {
    const ground = this.host().ground();
    const next = new Map(this.#entries);
    for (const change of changes) {
      const { kind, key, value } = change;
      if (value === undefined) next.delete(keyOf(change));
      else {
        const base = this.#judge(ground, kind, key, value);
        const set_at = this.now().toISOString();
        const entry = { kind, key, value, base, set_at, set_by: by };
        next.set(keyOf(change), entry);
      }
    }
    const served = this.#lay(ground, next);
    const problems = await this.host().problems(served.config);
    if (problems.length > 0) {
      throw new ControlError("invalid", problems.join("\n"));
    }
    await this.host().put(served, () => this.#keep(next));
    this.#entries = next;
  }

  /** What the configuration says of a key; throws where it knows none, or the value is not acceptable. */
  #judge(
    { config, resources }: Ground,
    kind: string,
    key: string,
    value: Json,
  ): Json {
    const declared = this.#kind(kind);
    const base = declared.base(config, key, resources);
    if (base === undefined) {
      throw new ControlError("unknown", `there is no ${kind} ${key}`);
    }
    const result = declared.value.safeParse(value);
    if (!result.success) {
      const [issue] = result.error.issues;
      throw new ControlError("invalid", `${kind} ${key}: ${issue!.message}`);
    }
    return base;
  }

  /** What a later configuration has no place for is left out, and waits. */
  #lay({ config, resources }: Ground, entries: Entries): Served {
    const overlay = new Overlay(config, resources);
    // A leg's own comes behind that of its destination.
    const ordered = [...entries.values()].sort((a, b) =>
      a.key < b.key ? -1 : 1
    );
    const byKind = Map.groupBy(ordered, ({ kind }) => kind);
    for (const kind of this.kinds) {
      for (const { key, value } of byKind.get(kind.name) ?? []) {
        if (kind.base(config, key, resources) === undefined) continue;
        kind.lay(overlay, key, kind.value.parse(value));
      }
    }
    return overlay;
  }

  #kind(name: string): OverrideKind {
    const kind = this.kinds.find((kind) => kind.name === name);
    if (kind) return kind;
    throw new ControlError("unknown", `nothing of the kind ${name} can be set`);
  }
}

function keyOf({ kind, key }: Pick<Entry, "kind" | "key">): string {
  return `${kind} ${key}`;
}
