import assert from "node:assert/strict";
import { Authority, type Certificate } from "../../tests/support/certs.ts";
import { noDetour } from "../../tests/support/nobody_takes_over.ts";
import { FakeControl } from "../../tests/support/fake_control.ts";
import { libc } from "../net/libc.ts";
import type { LogLine } from "../port/messages.ts";
import { MAIN_TOKEN, tokenDigest } from "../config/tokens.ts";
import { AuditLog } from "../control/audit_log.ts";
import { type AdminServer, startAdmin } from "./server.ts";

// Loaded once for the process; a test must not be blamed for it.
libc();

const TOKEN = "0123456789abcdef0123456789abcdef";

interface Setting {
  authority: Authority;
  first: Certificate;
  second: Certificate;
  admin: AdminServer;
  audit: AuditLog;
}

const settings = ({ certPem, keyPem }: Certificate, token = TOKEN) => ({
  certPem,
  keyPem,
  tokens: [
    { name: MAIN_TOKEN, role: "admin" as const, digest: tokenDigest(token) },
  ],
  lockoutThreshold: 5,
  lockoutDuration: 300_000,
});

/** `expected`: the events in the log at the end. */
async function withAdmin(
  run: (setting: Setting) => Promise<void>,
  expected: readonly string[] = [],
) {
  const folder = await Deno.makeTempDir();
  const authority = await Authority.create(folder);
  const first = await authority.issue(["first.test"]);
  const second = await authority.issue(["second.test"]);
  const logs: LogLine[] = [];
  const audit = new AuditLog(() => {});
  const admin = startAdmin({
    bind: { hostname: "127.0.0.1", port: 0 },
    control: new FakeControl(),
    log: (line) => logs.push(line),
    audit,
    shorten: (identifier) => identifier.slice(0, 2),
    detour: noDetour(),
  }, settings(first));
  try {
    await run({ authority, first, second, admin, audit });
  } finally {
    await admin.close();
    await Deno.remove(folder, { recursive: true });
  }
  assert.deepEqual(logs.map(({ event }) => event), expected);
}

/** A connection that checks the certificate for `hostname`. */
class Client {
  private constructor(private readonly connection: Deno.TlsConn) {}

  static async open({ address }: AdminServer, ca: string, hostname: string) {
    const raw = await Deno.connect(address);
    const connection = await Deno.startTls(raw, { hostname, caCerts: [ca] });
    try {
      await connection.handshake();
    } catch (error) {
      connection.close();
      throw error;
    }
    return new Client(connection);
  }

  /** Sends a request as written and reads an answer that has a Content-Length. */
  async ask(line: string): Promise<string> {
    const head = `${line} HTTP/1.1\r\nhost: admin.test\r\n` +
      `authorization: Bearer ${TOKEN}\r\n\r\n`;
    await this.connection.write(new TextEncoder().encode(head));
    let text = "";
    const buffer = new Uint8Array(4096);
    for (;;) {
      const read = await this.connection.read(buffer);
      if (read === null) return text;
      text += new TextDecoder().decode(buffer.subarray(0, read));
      const [, headers, body] = /^([^]*?\r\n)\r\n([^]*)$/.exec(text) ?? [];
      if (headers === undefined) continue;
      const length = /content-length: (\d+)/i.exec(headers)?.[1];
      if (body!.length >= Number(length)) {
        return `${headers.split(" ", 2)[1]} ${body}`;
      }
    }
  }

  close() {
    this.connection.close();
  }
}

/** The old listener takes or resets connections until it is gone, which takes a turn or two. */
async function opened(open: () => Promise<Client>): Promise<Client> {
  for (let left = 50;; left--) {
    try {
      return await open();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

Deno.test("startAdmin serves several requests of one TLS connection", async () => {
  await withAdmin(async ({ admin, authority, audit }) => {
    const client = await Client.open(admin, authority.pem, "first.test");
    assert.equal(await client.ask("GET /healthz"), "200 ok\n");
    assert.match(
      await client.ask("GET /mappings?identifier=a+b@example.com"),
      /^200 \{"identifier":"a\+b@example\.com"/,
    );
    assert.equal(
      await client.ask("GET /mappings?identifier=%zz"),
      "400 malformed query\n",
    );
    assert.equal(
      await client.ask("GET /x/../stats"),
      "404 not found\n",
    );
    assert.equal(
      await client.ask("POST /connections/kick?identifier=alice@example.com"),
      "200 kicked 1\n",
    );
    assert.deepEqual(audit.latest().map(({ client }) => client), ["127.0.0.1"]);
    client.close();
  });
});

Deno.test("AdminServer.configure serves the next handshake with a new certificate", async () => {
  await withAdmin(async ({ admin, authority, first, second }) => {
    const before = await Client.open(admin, authority.pem, "first.test");
    assert.equal(await before.ask("GET /healthz"), "200 ok\n");
    admin.configure(settings(first));
    const same = await Client.open(admin, authority.pem, "first.test");
    same.close();
    admin.configure(settings(second));
    const after = await opened(() =>
      Client.open(admin, authority.pem, "second.test")
    );
    assert.equal(await after.ask("GET /healthz"), "200 ok\n");
    await assert.rejects(
      Client.open(admin, authority.pem, "first.test"),
      Deno.errors.InvalidData,
    );
    before.close();
    after.close();
  });
});

Deno.test("startAdmin refuses an address that is taken", async () => {
  await withAdmin(({ admin, first }) => {
    const again = () =>
      startAdmin({
        bind: admin.address,
        control: new FakeControl(),
        log: () => {},
        audit: new AuditLog(() => {}),
        shorten: (identifier) => identifier,
        detour: noDetour(),
      }, settings(first));
    assert.throws(again, Deno.errors.AddrInUse);
    return Promise.resolve();
  });
});

Deno.test("AdminServer.configure lets the next request in by a new token alone", async () => {
  await withAdmin(async ({ admin, authority, first }) => {
    const client = await Client.open(admin, authority.pem, "first.test");
    assert.match(await client.ask("GET /stats"), /^200 /);
    admin.configure(settings(first, `${TOKEN}-another`));
    assert.equal(await client.ask("GET /stats"), "401 unauthorized\n");
    client.close();
  }, ["admin_unauthorized"]);
});
