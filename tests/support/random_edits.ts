/** Random valid changes of a running proxy over the configuration API. */
import assert from "node:assert/strict";
import type { Mailferry } from "./mailferry.ts";
import type { Table } from "./proxy_config.ts";
import { type Change, Changes } from "./random_changes.ts";
import { until } from "./wait.ts";

/** How many of a kind there are beside those of the beginning. */
const MOST = 6;

/** Edits of the configuration. Listener imaps and destination old stay where they are. */
export class ConfigChanges extends Changes {
  #next = 0;
  #listeners: string[] = [];
  #destinations: string[] = [];
  #certificates: string[] = [];
  #acls: string[] = [];

  protected readonly all: readonly Change[] = [
    ["add a listener", () => this.#addListener()],
    ["move a listener", () => this.#moveListener()],
    ["remove a listener", () => this.#remove("listener", this.#listeners)],
    ["limit a listener", () => this.#limitListener()],
    ["add a destination", () => this.#addDestination()],
    ["edit a destination", () => this.#editDestination()],
    [
      "remove a destination",
      () => this.#remove("destination", this.#destinations),
    ],
    ["replace a certificate", () => this.#replaceCertificate()],
    ["add a certificate", () => this.#addCertificate()],
    [
      "remove a certificate",
      () => this.#remove("tls/certificate", this.#certificates),
    ],
    ["set capabilities", () => this.#setCapabilities()],
    ["set limits", () => this.#setLimits()],
    ["add an acl", () => this.#addAcl()],
    ["remove an acl", () => this.#remove("acl", this.#acls)],
    ["open another store", () => this.#openStore()],
    ["load a document", () => this.#load()],
    ["change what was read", () => this.#changeWhatWasRead()],
    ["move the management API", () => this.#moveAdmin()],
  ];

  /** Take everything away that was added. */
  async tidy(): Promise<void> {
    for (
      const [path, names] of [
        ["listener", this.#listeners],
        ["destination", this.#destinations],
        ["tls/certificate", this.#certificates],
        ["acl", this.#acls],
      ] as const
    ) while (names.length > 0) await this.#remove(path, names);
  }

  async #send(
    method: string,
    path: string,
    value?: unknown,
    headers: Record<string, string> = {},
  ): Promise<void> {
    const body = JSON.stringify(value);
    const { status, body: answer } = await this.#ask(method, path, {
      body,
      headers,
    });
    assert.equal(status, 200, `${method} ${path}: ${answer}`);
  }

  #ask(...request: Parameters<Mailferry["admin"]>) {
    const { proxy, turns } = this.ground;
    return turns.take(() => proxy.admin(...request));
  }

  #edit(method: string, path: string, value?: unknown): Promise<void> {
    return this.#send(method, `/config/${path}`, value);
  }

  /** Remembers a new name, or forgets an old one where there are many. */
  async #add(path: string, names: string[], value: unknown): Promise<void> {
    if (names.length >= MOST) return await this.#remove(path, names);
    const name = `x${this.#next++}`;
    await this.#edit("PUT", `${path}/${name}`, value);
    names.push(name);
  }

  async #remove(path: string, names: string[]): Promise<void> {
    if (names.length === 0) return;
    const [name] = names.splice(this.below(names.length), 1);
    await this.#edit("DELETE", `${path}/${name}`);
  }

  #bind(): string[] {
    const [, , ...ports] = this.ground.ports;
    const port = this.ground.random.pick([0, ...ports]);
    return [`127.0.${1 + this.below(200)}.${1 + this.below(200)}:${port}`];
  }

  #addListener(): Promise<void> {
    const tls = this.ground.random.pick(["implicit", "starttls"]);
    return this.#add("listener", this.#listeners, {
      protocol: "imap",
      bind: this.#bind(),
      tls,
      preauth_timeout: "3s",
    });
  }

  async #moveListener(): Promise<void> {
    const { length } = this.#listeners;
    if (length === 0) return await this.#addListener();
    const name = this.#listeners[this.below(length)];
    await this.#edit("PATCH", `listener/${name}/bind`, this.#bind());
  }

  async #limitListener(): Promise<void> {
    const name = this.ground.random.pick([
      ...this.#listeners,
      ...["imap", "imaps"],
    ]);
    const at = `listener/${name}/max_connections`;
    await this.#edit("POST", at, 1000 + this.below(1000));
  }

  #addDestination(): Promise<void> {
    return this.#add("destination", this.#destinations, {
      host: "localhost",
      proxy_protocol: false,
      allow_plaintext_auth: true,
      protocol: { imap: { port: 1 + this.below(60000), tls: "plain" } },
    });
  }

  async #editDestination(): Promise<void> {
    const name = this.ground.random.pick(["new", ...this.#destinations]);
    const isHidden = this.below(2) === 0;
    await this.#edit(
      "POST",
      `destination/${name}/hide_auth_errors`,
      isHidden,
    );
  }

  async #replaceCertificate(): Promise<void> {
    const { random, certificates } = this.ground;
    const { certFile: cert, keyFile: key } = random.pick(certificates);
    const value = { cert, key, default: true };
    await this.#edit("PATCH", "tls/certificate/main", value);
  }

  #addCertificate(): Promise<void> {
    const { certFile: cert, keyFile: key } = this.ground.certificates[0];
    const subjects = [`x${this.#next}.test`];
    return this.#add("tls/certificate", this.#certificates, {
      cert,
      key,
      subjects,
    });
  }

  async #setCapabilities(): Promise<void> {
    const banner = `hello ${this.below(1000)}`;
    const advertise = ["IMAP4rev1", "ID", `X${this.below(9)}`];
    await this.#edit("POST", "capabilities", { imap: { banner, advertise } });
  }

  async #setLimits(): Promise<void> {
    await this.#edit("POST", "limits", {
      failures_per_address: 1000 + this.below(1000),
      connections_per_account: { imap: 5000 + this.below(1000) },
      connections_per_address: { imap: 5000 + this.below(1000) },
    });
  }

  #addAcl(): Promise<void> {
    const entries = Array.from(
      { length: 50 },
      () => `10.${this.below(256)}.${this.below(256)}.0/24`,
    );
    return this.#add("acl", this.#acls, { entries });
  }

  async #openStore(): Promise<void> {
    const path = this.ground.random.pick(this.ground.mappingFiles);
    await this.#edit("POST", "mapping/file", { path });
  }

  async #load(): Promise<void> {
    const { body } = await this.#ask("GET", "/config/");
    const document = JSON.parse(body) as Table;
    const server = document.server as Table;
    document.server = { ...server, proxy_ttl: 2 + this.below(60) };
    const force = { "cache-control": "must-revalidate" };
    const headers = this.below(2) === 0 ? force : {};
    await this.#send("POST", "/load", document, headers);
  }

  async #changeWhatWasRead(): Promise<void> {
    const path = "/config/server";
    const { body, headers } = await this.#ask("GET", path);
    const value = {
      ...JSON.parse(body),
      bridge_idle: `${this.below(60) + 9}m`,
    };
    const match = { "if-match": headers.get("etag")! };
    await this.#send("PATCH", path, value, match);
  }

  async #moveAdmin(): Promise<void> {
    const { proxy, ports } = this.ground;
    const before = proxy.count("admin_listening");
    const [first, second] = ports;
    const { port } = new URL(proxy.adminUrl);
    const next = port === `${first}` ? second : first;
    await this.#edit("PATCH", "admin/bind", `127.0.0.1:${next}`);
    await until(
      "the management API",
      () => proxy.count("admin_listening") > before,
    );
  }
}
