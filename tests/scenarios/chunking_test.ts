/** BDAT on listeners with `route = "recipient"` (RFC 3030): counted octets, whatever their destination takes. */
import assert from "node:assert/strict";
import { Dovecot } from "../support/dovecot.ts";
import { Mailferry } from "../support/mailferry.ts";
import { Postfix } from "../support/postfix.ts";
import { Ground, type Table } from "../support/proxy_config.ts";
import {
  type Protocol,
  Sender,
  Stage,
  STALLING,
} from "../support/recipient_stage.ts";
import { needs } from "../support/requirements.ts";
import { until } from "../support/wait.ts";

const CAPABILITIES = {
  smtp: { ehlo: ["PIPELINING", "SIZE 500000", "CHUNKING"] },
};

/** Backends that know BDAT; without the old one where it is given. */
async function stage(
  protocol: Protocol,
  oldKnows: "old knows" | "old does not",
): Promise<Stage> {
  const created = await Stage.create(protocol, {
    ...STALLING,
    capabilities: CAPABILITIES,
  });
  const keywords = ["SIZE", "CHUNKING"];
  created.new_.keywords = keywords;
  if (oldKnows === "old knows") created.old.keywords = keywords;
  return created;
}

Deno.test("LMTP: chunks reach each destination in the form that it knows", async () => {
  await using it = await stage("lmtp", "old does not");
  const { old, new_, proxy } = it;
  using client = await it.client();
  assert.ok(client.keywords.includes("CHUNKING"));
  await client.envelope("new", "old", "new2");
  for (const chunk of ["Subject: x\r\n", "\r\n.dot\r", "\n.\r\n", ""]) {
    await client.chunk(chunk);
    assert.equal(await client.line(), "250 2.0.0 OK");
  }
  await client.chunk("..end", true);
  assert.deepEqual(await client.lines(3), [
    "250 2.0.0 kept new@example.com",
    "250 2.0.0 kept old@example.com",
    "250 2.0.0 kept new2@example.com",
  ]);
  const message = "Subject: x\r\n\r\n.dot\r\n.\r\n..end";
  assert.deepEqual(new_.messages, [message]);
  assert.deepEqual(old.messages, [message.replaceAll("\r\n.", "\r\n..")]);
  assert.deepEqual(
    new_.commands[0]!.filter((line) => line.startsWith("BDAT")),
    ["BDAT 12", "BDAT 7", "BDAT 4", "BDAT 0", "BDAT 5 LAST"],
  );
  const line = await proxy.event("message");
  assert.deepEqual([line["accepted"], line["bytes"]], [3, message.length]);
  // What one of them was seen without is not offered any more.
  await client.hello("lmtp");
  assert.ok(!client.keywords.includes("CHUNKING"));
  assert.match(await client.say("BDAT 0 LAST"), /^500 /);
});

Deno.test("a pipelined transaction of chunks is answered in order, with octets of any kind", async () => {
  await using it = await stage("smtp", "old knows");
  const odd = "a\n.\nMAIL FROM:<evil@x>\r\n.\r\nb\rc\0\r";
  const all =
    "MAIL FROM:<>\r\nRCPT TO:<old@example.com>\r\nRCPT TO:<x@example.com>\r\n" +
    `bdat ${odd.length}\r\n${odd}BDAT 003\r\n\r\nxBDAT 0 last\r\nNOOP\r\n` +
    "MAIL FROM:<>\r\nRCPT TO:<new@example.com>\r\nBDAT 0 LAST\r\nQUIT\r\n";
  for (const way of ["send", "sendSlowly"] as const) {
    using client = await it.client();
    await client[way](all);
    assert.deepEqual(await client.lines(11), [
      "250 2.1.0 Sender OK",
      ...Array(2).fill("250 2.1.5 OK"),
      ...Array(2).fill("250 2.0.0 OK"),
      "250 2.0.0 kept message",
      "250 2.0.0 OK",
      "250 2.1.0 Sender OK",
      "250 2.1.5 OK",
      "250 2.0.0 kept message",
      "221 2.0.0 Bye",
    ]);
  }
  assert.deepEqual(it.old.messages, Array(2).fill(`${odd}\r\nx`));
  assert.deepEqual(it.new_.messages, ["", ""]);
});

Deno.test("a lone CR or LF is not put into DATA", async () => {
  await using it = await stage("smtp", "old does not");
  const { old } = it;
  using client = await it.client();
  const evil = "MAIL FROM:<evil@x>\r\n";
  for (
    const trick of [
      `a\n.\n${evil}`,
      `a\n.\r\n${evil}`,
      `a\r\n.\n${evil}`,
      `a\r.\r${evil}`,
      `a\r.\r\n${evil}`,
      `a\r\n.\r\r\n${evil}`,
      "bare\nfeed\r\n",
      "cut off\r",
    ]
  ) {
    for (const size of [1, 3, trick.length]) {
      const name = `${JSON.stringify(trick)} by ${size}`;
      await client.envelope("old");
      for (let at = 0; at < trick.length; at += size) {
        await client.chunk(trick.slice(at, at + size));
        assert.match(await client.line(), /^(250 2\.0\.0|554 5\.6\.3) /, name);
      }
      await client.chunk("", true);
      assert.match(await client.line(), /^554 5\.6\.3 /, name);
    }
  }
  assert.deepEqual(old.messages, []);
  assert.ok(
    !old.commands.flat().some((line) => line.startsWith("MAIL FROM:<evil")),
  );
  assert.deepEqual(await client.envelope("old"), ["250 2.1.5 OK"]);
  await client.chunk("fine", true);
  assert.equal(await client.line(), "250 2.0.0 kept message");
});

Deno.test("chunks out of order are taken and refused", async () => {
  await using it = await stage("smtp", "old knows");
  const { old, proxy } = it;
  using client = await it.client();
  const refused = async (text: string, last = false) => {
    await client.chunk(text, last);
    assert.match(await client.line(), /^503 5\.5\.1 /);
  };
  await refused("RSET\r\n");
  await refused("RSET\r\n", true);
  await client.envelope("old");
  await client.message("by DATA", 1);
  await refused("QUIT\r\n", true);

  // Without a recipient: what comes of it is no message, even if one is named now.
  old.change = (line) =>
    line.startsWith("RCPT TO:<none") ? "550 5.1.1 no such user" : undefined;
  await client.envelope("none");
  await refused("QUIT\r\n");
  assert.match(await client.say("RCPT TO:<old@example.com>"), /^503 /);
  await refused("half", true);

  await client.envelope("old");
  await client.chunk("one");
  assert.match(await client.line(), /^250 /);
  for (
    const line of ["DATA", "MAIL FROM:<>", "RCPT TO:<old@example.com>"]
  ) assert.match(await client.say(line), /^503 5\.5\.1 /, line);
  await client.chunk("two", true);
  assert.match(await client.line(), /^250 2\.0\.0 kept/);
  await refused("three", true);

  await client.envelope("old");
  await client.chunk("forgotten");
  assert.match(await client.line(), /^250 /);
  assert.match(await client.say("RSET"), /^250 /);
  await refused("QUIT\r\n", true);
  assert.deepEqual(old.messages, ["by DATA", "onetwo"]);

  await client.envelope("old");
  await client.chunk("unfinished");
  await client.line();
  await client.send("BDAT x LAST\r\nMAIL FROM:<>\r\n");
  assert.match(await client.line(), /^501 5\.5\.4 /);
  assert.match(await client.line(), /^421 4\.3\.0 /);
  assert.equal(await client.lineOrEnd(), null);
  const { reason, detail } = await proxy.ended(client);
  assert.deepEqual([reason, detail], [
    "preauth-limit",
    "BDAT without a proper size",
  ]);
  await proxy.empty();
  assert.deepEqual(old.messages, ["by DATA", "onetwo"]);
});

Deno.test("chunks beyond SIZE are taken and refused, also behind one another", async () => {
  await using it = await stage("lmtp", "old does not");
  const { old, new_, proxy } = it;
  using client = await it.client();
  const large = "x".repeat(400_000);
  await client.envelope("old", "new");
  await client.chunk(large);
  assert.match(await client.line(), /^250 /);
  await client.chunk("x".repeat(100_001));
  await client.chunk("more");
  await client.chunk("", true);
  const answers = await client.lines(4);
  assert.ok(answers.every((line) => line.startsWith("552 5.3.4 ")));
  await client.envelope("old", "new");
  await client.chunk(large);
  await client.chunk(large.slice(0, 100_000), true);
  assert.deepEqual((await client.lines(3)).map((line) => line.slice(0, 3)), [
    ...["250", "250", "250"],
  ]);
  for (const { messages } of [old, new_]) {
    assert.deepEqual(messages.map(({ length }) => length), [500_000]);
  }
  const { refused, accepted } = await proxy.event("message");
  assert.deepEqual([refused, accepted], [2, 0]);
});

Deno.test("what a backend makes of a chunk goes to its recipients alone", async () => {
  await using it = await stage("lmtp", "old does not");
  const { old, new_ } = it;
  using client = await it.client();
  for (
    const [answer, told] of [
      ["452 4.3.1 no room", /^452 4\.3\.1 no room$/],
      ["552 5.3.4 too much", /^552 5\.3\.4 too much$/],
      ["354 what", /^451 4\.3\.0 /],
      ["421 4.3.2 going", /^451 4\.3\.0 /],
      ["hang", /^451 4\.3\.0 /],
      ["close", /^451 4\.3\.0 /],
    ] as const
  ) {
    new_.change = (line) => line === "BDAT 3" ? answer : undefined;
    await client.envelope("new", "old", "new2");
    await client.chunk("one");
    assert.match(await client.line(), /^250 /, answer);
    await client.chunk("three", true);
    assert.match(await client.line(), told);
    assert.equal(await client.line(), "250 2.0.0 kept old@example.com");
    assert.match(await client.line(), told);

    // Nobody else is there: the sender hears of it at once, and what it has sent already is taken.
    await client.envelope("new", "new2");
    await client.chunk("one");
    await client.chunk("three");
    await client.chunk("", true);
    for (const line of await client.lines(4)) assert.match(line, told);
  }
  assert.deepEqual(new_.messages, []);
  assert.equal(old.messages.length, 6);

  for (const answer of ["hang", "close", "452 4.2.2 over quota"]) {
    new_.change = (line) => line === "BDAT 1 LAST" ? answer : undefined;
    await client.envelope("new", "old");
    await client.chunk("x", true);
    assert.match(await client.line(), /^45[12] 4\./, answer);
    assert.equal(await client.line(), "250 2.0.0 kept old@example.com");
  }
  old.change = (line) => line === "DATA" ? "451 4.3.2 not now" : undefined;
  await client.envelope("old");
  await client.chunk("x");
  assert.equal(await client.line(), "451 4.3.2 not now");
  assert.match(await client.say("RSET"), /^250 /);
  assert.deepEqual(new_.messages, []);
});

Deno.test("a client that leaves within or between chunks has sent no message", async () => {
  await using it = await stage("lmtp", "old does not");
  const { old, new_, proxy } = it;
  const sizes = [0, 1, 6, 7];
  // Before it is known of one of them that it has no BDAT.
  const clients = await Promise.all(sizes.map(() => it.client()));
  for (const [index, size] of sizes.entries()) {
    using client = clients[index]!;
    await client.envelope("new", "old");
    await client.chunk("half\r\n");
    assert.match(await client.line(), /^250 /);
    // Six octets are missing, as many as those of QUIT.
    if (size > 0) {
      await client.send(`BDAT ${size + 6} LAST\r\n${"x".repeat(size)}`);
    }
    client.close();
    assert.equal((await proxy.ended(client))["reason"], "client-closed");
  }
  await proxy.empty();
  assert.deepEqual([...new_.messages, ...old.messages], []);
  for (const { commands } of [old, new_]) {
    assert.ok(!commands.flat().includes("QUIT"));
  }
});

Deno.test("an account that moves or is held between its chunks is not kept by the server that it leaves", async () => {
  await using it = await stage("lmtp", "old knows");
  const { proxy, old, new_ } = it;
  using client = await it.client();
  const account = "identifier=moving%40example.com";
  const hold = (seconds: number) =>
    proxy.ask("POST", `/connections/delay?${account}&seconds=${seconds}`);
  for (const rest of ["rest", ""]) {
    await client.envelope("moving", "new");
    await client.chunk("half");
    assert.match(await client.line(), /^250 /);
    await hold(60);
    await client.chunk(rest, true);
    assert.match(await client.line(), /^450 4\.2\.1 /);
    assert.equal(await client.line(), "250 2.0.0 kept new@example.com");
    await hold(0);
  }
  await client.envelope("moving", "new");
  await client.send("BDAT 8 LAST\r\nhalf");
  await until(
    "the octets",
    () =>
      new_.commands.at(-1)?.at(-1) === "BDAT 8 LAST" &&
      old.commands.at(-1)?.at(-1) === "BDAT 8 LAST",
  );
  await proxy.ask("PUT", `/mappings?${account}&destination=new`);
  await client.send("rest");
  assert.match(await client.line(), /^451 4\.3\.0 /);
  assert.equal(await client.line(), "250 2.0.0 kept new@example.com");
  assert.deepEqual(old.messages, []);
  assert.deepEqual(new_.messages, ["halfrest", "half", "halfrest"]);

  // A kick ends it in the middle of a chunk.
  await client.envelope("moving");
  await client.send("BDAT 8 LAST\r\nhalf");
  await until(
    "the chunk",
    () => new_.commands.at(-1)?.at(-1) === "BDAT 8 LAST",
  );
  assert.equal(await proxy.kick("moving@example.com"), 1);
  assert.match(await client.line(), /^421 4\.3\.0 /);
  assert.equal((await proxy.ended(client))["reason"], "kicked");
  assert.equal(new_.messages.length, 3);
});

/** A proxy that routes to these destinations. */
async function between(
  ground: Ground,
  protocol: Protocol,
  destination: Table,
): Promise<Mailferry> {
  return await Mailferry.start({
    ground,
    mappings: Object.fromEntries(
      Object.keys(destination).map((name) => [`${name}@example.com`, name]),
    ),
    config: {
      listener: {
        imap: undefined,
        imaps: undefined,
        mail: {
          protocol,
          tls: "plain",
          route: "recipient",
          bind: ["127.0.0.1:0"],
        },
      },
      capabilities: CAPABILITIES,
      destination,
    },
  });
}

/** A message in two chunks, and the answers to the last one. */
async function deliver(
  client: Sender,
  protocol: Protocol,
  recipients: readonly string[],
): Promise<string[]> {
  await client.hello(protocol);
  assert.ok(client.keywords.includes("CHUNKING"));
  await client.envelope(...recipients);
  await client.chunk("Subject: chunks\r\n\r\n.one\r\n.");
  assert.equal(await client.line(), "250 2.0.0 OK");
  // The lone feed could not have gone by DATA.
  await client.chunk("\r\n.two\nthree\r\n", true);
  return await client.lines(protocol === "lmtp" ? recipients.length : 1);
}

needs(
  ["dovecot"],
  "two Dovecots get chunks for their accounts",
  async () => {
    await using ground = await Ground.create();
    const { folder } = ground;
    const server = (name: string) =>
      Dovecot.start({
        ...ground,
        name,
        forwarding: "proxy",
        protocols: ["lmtp"],
      });
    await using old = await server("old");
    await using new_ = await server("new");
    await using proxy = await between(ground, "lmtp", {
      old: old.destination(),
      new: new_.destination(),
    });
    using client = await Sender.plain(proxy.listener("mail"));
    const answers = await deliver(client, "lmtp", ["old", "new", "old"]);
    for (const answer of answers) assert.match(answer, /^250 2\.0\.0 .*Saved/);
    for (const name of ["old", "new"]) {
      const box = `${folder}/${name}/mail/${name}@example.com/Maildir/new`;
      const [message] = [...Deno.readDirSync(box)];
      const text = await Deno.readTextFile(`${box}/${message!.name}`);
      assert.match(text, /\n\r?\n\.one\r?\n\.\r?\n\.two\nthree\r?\n$/);
    }
  },
);

needs(["postfix", "dovecot"], "a Postfix gets chunks", async () => {
  await using ground = await Ground.create();
  await using postfix = await Postfix.start({ ...ground, name: "mx" });
  await using proxy = await between(ground, "smtp", {
    old: {
      host: "127.0.0.1",
      proxy_protocol: true,
      protocol: { smtp: { port: postfix.smtpPort, tls: "plain" } },
    },
  });
  using client = await Sender.plain(proxy.listener("mail"));
  const [answer = ""] = await deliver(client, "smtp", ["old", "other"]);
  const [, id] = /^250 2\.0\.0 Ok: .*queued as (\w+)$/.exec(answer) ?? [];
  assert.ok(id, answer);
  await postfix.logged(
    "the message",
    new RegExp(`${id}: to=<other@example\\.com>.*status=sent`),
  );
});
