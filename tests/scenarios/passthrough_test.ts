/** smtp and lmtp listeners: bytes to one destination, whoever it is for. */
import assert from "node:assert/strict";
import { FakeMailServer } from "../support/fake_mail_server.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry } from "../support/mailferry.ts";
import { Postfix } from "../support/postfix.ts";
import { Ground, merge, type Table } from "../support/proxy_config.ts";
import {
  type Pair,
  proxyV1,
  TLV_SSL,
  TLV_UNIQUE_ID,
} from "../support/proxy_header.ts";
import { needs } from "../support/requirements.ts";
import { refusedPort } from "../support/ports.ts";
import { within } from "../support/wait.ts";

const PAIR: Pair = [["203.0.113.7", 40001], ["198.51.100.9", 25]];

/** A proxy whose smtp and lmtp listeners lead to these ports. */
function start(
  ground: Ground,
  ports: { smtp: number; lmtp: number },
  over: Table = {},
  destination: Table = {},
): Promise<Mailferry> {
  const listener = (protocol: string, tls: string): Table => ({
    protocol,
    tls,
    bind: ["127.0.0.1:0"],
  });
  const config: Table = {
    listener: {
      imaps: undefined,
      imap: undefined,
      smtp: listener("smtp", "plain"),
      smtps: listener("smtp", "implicit"),
      lmtp: listener("lmtp", "plain"),
      lmtps: listener("lmtp", "implicit"),
    },
    routing: { smtp_passthrough_destination: "mx" },
    destination: {
      old: { host: "127.0.0.1" },
      mx: merge({
        host: "127.0.0.1",
        proxy_protocol: true,
        tls_server_name: "backend.test",
        protocol: {
          smtp: { port: ports.smtp, tls: "plain" },
          lmtp: { port: ports.lmtp, tls: "plain" },
        },
      }, destination),
    },
  };
  return Mailferry.start({ ground, config: merge(config, over) });
}

function connect(proxy: Mailferry, name: string): Promise<ImapClient> {
  const target = proxy.listener(name);
  return name.endsWith("s")
    ? ImapClient.tls(target, proxy.ca)
    : ImapClient.plain(target);
}

/** Hand in one message to two recipients; the answers to its data. */
async function deliver(client: ImapClient, hello: string): Promise<string[]> {
  const say = async (line: string) => {
    await client.send(`${line}\r\n`);
    return await client.line();
  };
  await client.send(`${hello} client.test\r\n`);
  while ((await client.line()).startsWith("250-"));
  await say("MAIL FROM:<a@example.com>");
  await say("RCPT TO:<b@example.com>");
  await say("RCPT TO:<c@example.com>");
  await say("DATA");
  const answers = [await say("Subject: hello\r\n\r\n..dot\r\n.")];
  if (hello === "LHLO") answers.push(await client.line());
  assert.match(await say("QUIT"), /^221 2\.0\.0 bye/i);
  assert.equal(await client.lineOrEnd(), null);
  client.close();
  return answers;
}

Deno.test("smtp and lmtp are bridged over plain and implicit TLS, with the client in a PROXY header", async () => {
  await using ground = await Ground.create();
  await using smtp = new FakeMailServer({ protocol: "smtp", proxy: true });
  await using lmtp = new FakeMailServer({
    protocol: "lmtp",
    proxy: true,
    certificate: await ground.authority.issue(["backend.test"], {
      file: "backend",
    }),
  });
  await using proxy = await start(ground, { smtp: smtp.port, lmtp: 1 }, {}, {
    protocol: { lmtp: { port: lmtp.port, tls: "implicit" } },
  });
  for (const name of ["smtp", "smtps", "lmtp", "lmtps"]) {
    using client = await connect(proxy, name);
    const server = name.startsWith("smtp") ? smtp : lmtp;
    const hello = server === smtp ? "EHLO" : "LHLO";
    assert.match(client.greeting, /^220 backend.test/);
    const answers = await deliver(client, hello);
    assert.deepEqual(
      answers,
      Array(server === smtp ? 1 : 2).fill("250 2.0.0 kept"),
    );
    assert.equal(server.last.message, "Subject: hello\r\n\r\n..dot");
    const header = server.last.proxy;
    assert.equal(header?.source, `127.0.0.1:${client.localPort}`);
    assert.equal(
      header?.destination,
      `127.0.0.1:${proxy.listener(name).port}`,
    );
    assert.equal(header?.tlvs.has(TLV_SSL), name.endsWith("s"));
    const record = await proxy.ended(client);
    assert.equal(record["stage"], "bridge");
    assert.equal(record["destination"], "mx");
    assert.equal(record["account"], undefined);
    assert.ok(Number(record["bytes_in"]) > 100);
    const unique = header?.tlvs.get(TLV_UNIQUE_ID) ?? new Uint8Array();
    assert.equal(new TextDecoder().decode(unique), record["session"]);
  }
});

Deno.test("a backend that is not there is answered with 421, and its breaker opens", async () => {
  await using ground = await Ground.create();
  const port = refusedPort();
  await using proxy = await start(ground, { smtp: port, lmtp: port }, {
    server: { host_down_threshold: 2, backend_connect_retries: 0 },
  });
  for (const name of ["smtp", "smtps", "lmtp", "lmtps", "smtp", "smtp"]) {
    using client = await connect(proxy, name);
    assert.match(client.greeting, /^421 4\.3\.0 proxy\.test /);
    assert.equal(await client.lineOrEnd(), null);
    const record = await proxy.ended(client);
    assert.equal(record["reason"], "backend-unavailable");
    assert.equal(record["destination"], "mx");
  }
  const { destinations } = JSON.parse(await proxy.ask("GET", "/destinations"));
  const legs = destinations.flatMap((d: { destination: string; legs: [] }) =>
    d.destination === "mx" ? d.legs : []
  ) as { protocol: string; down: boolean }[];
  assert.deepEqual(
    legs.filter((leg) => leg.down).map((leg) => leg.protocol).sort(),
    ["lmtp", "smtp"],
  );
  using last = await connect(proxy, "smtp");
  assert.match(last.greeting, /^421 4\.3\.0 /);
  const { detail } = await proxy.ended(last);
  assert.match(String(detail), /marked down/);
});

Deno.test("a backend whose certificate is not right is answered with 421", async () => {
  await using ground = await Ground.create();
  await using smtp = new FakeMailServer({
    protocol: "smtp",
    proxy: true,
    certificate: await ground.authority.issue(["other.test"], {
      file: "other",
    }),
  });
  await using proxy = await start(ground, { smtp: smtp.port, lmtp: 1 }, {}, {
    protocol: { smtp: { tls: "implicit" } },
  });
  using client = await connect(proxy, "smtp");
  assert.match(client.greeting, /^421 4\.3\.0 /);
  assert.equal((await proxy.ended(client)).reason, "backend-unavailable");
  assert.equal(smtp.last.commands.length, 0);
});

Deno.test("backend_timeout covers dial and TLS, the greeting is the backend's affair", async () => {
  await using ground = await Ground.create();
  await using silent = new FakeMailServer({
    protocol: "smtp",
    proxy: true,
    isSilent: true,
  });
  const server = { backend_timeout: "2s", bridge_idle: "1s" };
  await using proxy = await start(
    ground,
    { smtp: silent.port, lmtp: silent.port },
    { server },
    { protocol: { lmtp: { tls: "implicit" } } },
  );
  using lmtp = await connect(proxy, "lmtp");
  assert.match(lmtp.greeting, /^421 4\.3\.0 /);
  const { detail } = await proxy.ended(lmtp);
  assert.match(String(detail), /no answer within 2000 ms/);
  using smtp = await ImapClient.raw(proxy.listener("smtp"));
  assert.equal(await smtp.lineOrEnd(), null);
  assert.equal((await proxy.ended(smtp)).reason, "idle");
});

Deno.test("a PROXY header in front of smtp names the client towards the backend", async () => {
  await using ground = await Ground.create();
  await using smtp = new FakeMailServer({ protocol: "smtp", proxy: true });
  const inbound = { proxy_protocol: "required", proxy_trusted: ["127.0.0.1"] };
  await using proxy = await start(ground, { smtp: smtp.port, lmtp: 1 }, {
    listener: { smtp: inbound, smtps: inbound },
  });
  for (const name of ["smtp", "smtps"]) {
    using client = await ImapClient.raw(proxy.listener(name), proxy.ca);
    await client.send(proxyV1(PAIR));
    if (name === "smtps") await client.handshake();
    assert.match(await client.line(), /^220 /);
    assert.equal(smtp.last.proxy?.source, "203.0.113.7:40001");
    assert.equal(smtp.last.proxy?.destination, "198.51.100.9:25");
    const [seen] = await proxy.sessions();
    assert.equal(seen!["client"], "203.0.113.7:40001");
    assert.equal(seen!["stage"], "bridge");
    client.close();
    await proxy.empty();
  }
  using unnamed = await ImapClient.raw(proxy.listener("smtp"));
  await unnamed.send("PROXY UNKNOWN\r\n");
  assert.match(await unnamed.line(), /^220 /);
  assert.equal(smtp.last.proxy?.command, "LOCAL");
});

Deno.test("a drain lets pass-through sessions finish", async () => {
  await using ground = await Ground.create();
  await using smtp = new FakeMailServer({ protocol: "smtp", proxy: true });
  await using proxy = await start(ground, { smtp: smtp.port, lmtp: 1 });
  using client = await connect(proxy, "smtp");
  proxy.signal("SIGTERM");
  await proxy.event("stopping");
  assert.deepEqual(await deliver(client, "EHLO"), ["250 2.0.0 kept"]);
  const { code } = await within("the end", proxy.exited);
  assert.equal(code, 0);
});

needs(
  ["postfix", "dovecot"],
  "Postfix behind an smtp listener takes mail and logs the client of the PROXY header",
  async () => {
    await using ground = await Ground.create();
    await using postfix = await Postfix.start({ ...ground, name: "mx" });
    await using proxy = await start(
      ground,
      { smtp: postfix.smtpPort, lmtp: 1 },
      {
        listener: {
          smtp: { proxy_protocol: "optional", proxy_trusted: ["127.0.0.1"] },
        },
      },
    );
    for (const name of ["smtp", "smtps"]) {
      const { port } = proxy.listener(name);
      const client = name === "smtp"
        ? await ImapClient.raw({ port })
        : await ImapClient.tls({ port }, proxy.ca);
      if (name === "smtp") {
        await client.send(proxyV1(PAIR));
        client.greeting = await client.line();
      }
      assert.match(client.greeting, /^220 backend\.test/);
      const [answer] = await deliver(client, "EHLO");
      assert.match(answer!, /^250 2\.0\.0 Ok: queued/);
      client.close();
    }
    await postfix.logged("the client named", /client=\S*\[203\.0\.113\.7\]/);
    await postfix.logged("the client itself", /client=\S*\[127\.0\.0\.1\]/);
  },
);

needs(
  ["swaks"],
  "swaks delivers through smtp and lmtp listeners",
  async () => {
    await using ground = await Ground.create();
    await using smtp = new FakeMailServer({ protocol: "smtp", proxy: true });
    await using lmtp = new FakeMailServer({ protocol: "lmtp", proxy: true });
    await using proxy = await start(ground, {
      smtp: smtp.port,
      lmtp: lmtp.port,
    });
    const runs: [string, FakeMailServer, string[]][] = [
      ["smtp", smtp, []],
      ["smtps", smtp, ["--tls-on-connect"]],
      ["lmtp", lmtp, ["--protocol", "LMTP"]],
    ];
    for (const [name, server, args] of runs) {
      const { success, stdout } = await new Deno.Command("swaks", {
        args: [
          "--server",
          "127.0.0.1",
          "--port",
          String(proxy.listener(name).port),
          "--from",
          "a@example.com",
          "--to",
          "b@example.com",
          "--body",
          `sent over ${name}`,
          ...args,
        ],
        stdin: "null",
        stderr: "piped",
      }).output();
      assert.ok(success, new TextDecoder().decode(stdout));
      assert.match(server.last.message, new RegExp(`sent over ${name}`));
    }
  },
);
