/** Random valid changes of a running proxy over the runtime socket. */
import assert from "node:assert/strict";
import { type Change, Changes } from "./random_changes.ts";
import { ask } from "./runtime_client.ts";

/** Commands of the runtime socket. Listener imaps accepts all the time and destination old stays in service. */
export class RuntimeChanges extends Changes {
  protected readonly all: readonly Change[] = [
    ["set server state", () =>
      this.#say(
        `set server ${this.#one("new", "new/imap")} state ${
          this.#one("ready", "drain", "maint")
        }`,
      )],
    ["set server addr", () =>
      this.#say(
        `set server new/imap addr ${
          this.#one("-", `127.0.0.1 port ${1 + this.below(60000)}`)
        }`,
      )],
    [
      "set server health",
      () => this.#say(`set server new health ${this.#one("up", "down")}`),
    ],
    [
      "disable frontend",
      () => this.#say(`${this.#one("enable", "disable")} frontend imap`),
    ],
    ["set maxconn frontend", () =>
      this.#say(
        `set maxconn frontend ${this.#one("imap", "imaps")} ${
          this.#one(0, 1000 + this.below(1000))
        }`,
      )],
    [
      "set maxconn global",
      () =>
        this.#say(
          `set maxconn global ${this.#one(0, 5000 + this.below(1000))}`,
        ),
    ],
    ["set rate-limit", () =>
      this.#say(
        `set rate-limit ${this.#one("connections", "logins")} global ${
          this.#one(0, 50_000)
        }`,
      )],
    ["change an acl", () => this.#changeAcl()],
    ["commit an acl", () => this.#commitAcl()],
    ["change a mapping", () => this.#changeMapping()],
    ["commit a certificate", () => this.#commitCertificate()],
    ["abort a certificate", () => this.#abortCertificate()],
    ["clear overrides", () => this.#clear()],
  ];

  async tidy(): Promise<void> {
    await this.#clear();
  }

  #one<T>(...of: T[]): T {
    return this.ground.random.pick(of);
  }

  async #say(line: string, wanted = /^\n$/): Promise<string> {
    const answer = await ask(this.ground.socket, `${line}\n`);
    assert.match(answer, wanted, line);
    return answer;
  }

  #range(): string {
    return `10.${this.below(256)}.${this.below(256)}.0/24`;
  }

  async #changeAcl(): Promise<void> {
    const range = this.#range();
    await this.#say(`add acl list ${range}`);
    if (this.below(2) === 0) await this.#say(`del acl list ${range}`);
  }

  async #commitAcl(): Promise<void> {
    const answer = await this.#say(
      "prepare acl list",
      /^New version created: \d+\n\n$/,
    );
    const version = /\d+/.exec(answer)![0];
    const ranges = Array.from({ length: 20 }, () => `${this.#range()}\n`);
    await this.#say(`add acl @${version} list <<\n${ranges.join("")}`);
    await this.#say(`commit acl @${version} list`);
  }

  /** Not while another store is opened: it may be there and not here. */
  async #changeMapping(): Promise<void> {
    const { account, turns } = this.ground;
    await turns.take(async () => {
      await this.#say(`add map mappings ${account} ${this.#one("old", "new")}`);
      if (this.below(2) === 0) await this.#say(`del map mappings ${account}`);
    });
  }

  async #beginCertificate(): Promise<void> {
    const { certPem, keyPem } = this.#one(...this.ground.certificates);
    await this.#say(
      `set ssl cert main <<\n${(certPem + keyPem).trim()}\n`,
      /^Transaction created for certificate main!\n/,
    );
  }

  async #commitCertificate(): Promise<void> {
    await this.#beginCertificate();
    await this.#say("commit ssl cert main", /Success!/);
  }

  async #abortCertificate(): Promise<void> {
    await this.#beginCertificate();
    await this.#say("abort ssl cert main", /^Transaction aborted/);
  }

  async #clear(): Promise<void> {
    const { proxy, turns } = this.ground;
    await turns.take(() => proxy.ask("DELETE", "/overrides"));
  }
}
