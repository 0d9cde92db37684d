/** smtp and lmtp listeners with `route = "recipient"`: each recipient's mail goes where its account is. */
import assert from "node:assert/strict";
import { Dovecot } from "../support/dovecot.ts";
import { Mailferry } from "../support/mailferry.ts";
import { refusedPort } from "../support/ports.ts";
import { Ground } from "../support/proxy_config.ts";
import { Sender, Stage, STALLING } from "../support/recipient_stage.ts";
import { needs } from "../support/requirements.ts";
import { until } from "../support/wait.ts";

Deno.test("LMTP: each recipient's mail goes to its own destination, with its own answer", async () => {
  await using stage = await Stage.create("lmtp");
  const { old, new_, proxy } = stage;
  using client = await stage.client();
  assert.deepEqual(client.keywords.slice(1), [
    "PIPELINING",
    "ENHANCEDSTATUSCODES",
    "8BITMIME",
    "SIZE",
  ]);
  new_.change = (line) =>
    line === "answer new2@example.com" ? "452 4.2.2 over quota" : undefined;
  assert.deepEqual(
    await client.envelope("new", "old", "new2", "NEW+box", "own+detail"),
    Array(5).fill("250 2.1.5 OK"),
  );
  assert.deepEqual(await client.message("Subject: x\r\n\r\n..dot\r\nend", 5), [
    "250 2.0.0 kept new@example.com",
    "250 2.0.0 kept old@example.com",
    "452 4.2.2 over quota",
    "250 2.0.0 kept NEW+box@example.com",
    "250 2.0.0 kept own+detail@example.com",
  ]);
  for (const { messages, commands } of [old, new_]) {
    assert.deepEqual(messages, ["Subject: x\r\n\r\n..dot\r\nend"]);
    assert.equal(commands.length, 1);
    assert.deepEqual(commands[0]!.slice(0, 2), [
      "LHLO client.test",
      "MAIL FROM:<a@sender.test>",
    ]);
  }
  assert.equal(await client.say("QUIT"), "221 2.0.0 Bye");
  const record = await proxy.ended(client);
  assert.equal(record["reason"], "logout");
  const line = await proxy.event("message");
  assert.deepEqual(
    [line["accepted"], line["deferred"], line["refused"]],
    [4, 1, 0],
  );
  assert.deepEqual(line["destinations"], ["new", "old"]);
  const metrics = await proxy.ask("GET", "/metrics");
  assert.match(
    metrics,
    /mailferry_deliveries_total\{protocol="lmtp",result="accepted"\} 4/,
  );
});

Deno.test("SMTP: recipients of another destination come in another transaction", async () => {
  await using stage = await Stage.create("smtp");
  using client = await stage.client();
  assert.deepEqual(await client.envelope("old", "new", "old2"), [
    "250 2.1.5 OK",
    "452 4.5.3 Send to this recipient in another transaction",
    "250 2.1.5 OK",
  ]);
  assert.deepEqual(await client.message("one", 1), ["250 2.0.0 kept message"]);
  assert.deepEqual(await client.envelope("new"), ["250 2.1.5 OK"]);
  assert.deepEqual(await client.message("one", 1), ["250 2.0.0 kept message"]);
  assert.deepEqual(stage.old.messages, ["one"]);
  assert.deepEqual(stage.new_.messages, ["one"]);
});

Deno.test("a pipelined transaction is answered in order", async () => {
  await using stage = await Stage.create("smtp");
  using client = await stage.client();
  await client.send(
    "MAIL FROM:<> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<new@example.com>\r\n" +
      "DATA\r\n",
  );
  assert.deepEqual(
    (await client.lines(3)).map((line) => line.slice(0, 3)),
    ["250", "250", "354"],
  );
  await client.send("..\r\n.\r\nNOOP\r\nRSET\r\nQUIT\r\n");
  assert.deepEqual(
    (await client.lines(4)).map((line) => line.slice(0, 3)),
    ["250", "250", "250", "221"],
  );
  assert.deepEqual(stage.new_.messages, [".."]);
  assert.equal(
    stage.new_.commands[0]![1],
    "MAIL FROM:<> SIZE=100 BODY=8BITMIME",
  );
});

Deno.test("parameters and keywords that a backend lacks are left out, or refused where they change the message", async () => {
  await using stage = await Stage.create("smtp", {
    capabilities: { smtp: { ehlo: ["SIZE 5000", "8BITMIME", "SMTPUTF8"] } },
  });
  stage.old.keywords = ["HELP"];
  using client = await stage.client();
  assert.match(await client.say("MAIL FROM:<> SIZE=6000"), /^552 5\.3\.4 /);
  assert.match(await client.say("MAIL FROM:<> RET=HDRS"), /^555 /);
  assert.match(await client.say("MAIL FROM:<é@x>"), /^553 5\.6\.7 /);
  await client.say("MAIL FROM:<> SIZE=10");
  assert.match(await client.say("RCPT TO:<x@example.com>"), /^250/);
  assert.equal(stage.old.commands[0]![1], "MAIL FROM:<>");
  await client.say("RSET");
  await client.say("MAIL FROM:<> BODY=8BITMIME");
  assert.match(await client.say("RCPT TO:<x@example.com>"), /^451 4\.6\.3 /);
  await client.say("RSET");
  await client.say("MAIL FROM:<é@x> SMTPUTF8");
  assert.match(await client.say("RCPT TO:<x@example.com>"), /^553 5\.6\.7 /);
  await client.hello("smtp");
  assert.deepEqual(client.keywords.slice(1), []);
});

Deno.test("what a backend says to MAIL and RCPT goes to its recipients alone", async () => {
  await using stage = await Stage.create("lmtp");
  const { old, new_ } = stage;
  new_.change = (line) =>
    line.startsWith("MAIL") ? "550 5.7.1 not from you" : undefined;
  old.change = (line) =>
    line.startsWith("RCPT TO:<none") ? "550 5.1.1 no such user" : undefined;
  using client = await stage.client();
  assert.deepEqual(await client.envelope("new", "none", "old", "new2"), [
    "550 5.7.1 not from you",
    "550 5.1.1 no such user",
    "250 2.1.5 OK",
    "550 5.7.1 not from you",
  ]);
  assert.deepEqual(await client.message("x", 1), [
    "250 2.0.0 kept old@example.com",
  ]);
  assert.deepEqual(await client.envelope("none"), ["550 5.1.1 no such user"]);
  assert.match(await client.say("DATA"), /^503 5\.5\.1 /);
});

Deno.test("a backend that stalls or dies costs its own recipients a temporary failure", async () => {
  await using stage = await Stage.create("lmtp", STALLING);
  const { new_ } = stage;
  using client = await stage.client();
  for (const moment of ["MAIL", "RCPT", "DATA", "."]) {
    for (const how of ["hang", "close"]) {
      new_.change = (line) => line.startsWith(moment) ? how : undefined;
      const answers = await client.envelope("new", "old");
      const late = moment === "DATA" || moment === ".";
      assert.match(answers[0]!, late ? /^250 / : /^451 4\.3\.0 /);
      assert.match(answers[1]!, /^250 /);
      const ends = await client.message("x", late ? 2 : 1);
      if (late) assert.match(ends.shift()!, /^451 4\.3\.0 /);
      assert.deepEqual(ends, ["250 2.0.0 kept old@example.com"]);
    }
  }
  new_.change = (line) => line.startsWith("data") ? "close" : undefined;
  await client.envelope("new", "old");
  await client.say("DATA");
  await client.send("first\r\n");
  await until(
    "the end of the backend",
    () => new_.commands.at(-1)?.at(-1) === "first",
  );
  const chunk = `${"x".repeat(998)}\r\n`.repeat(1000);
  for (let i = 0; i < 3; i++) await client.send(chunk);
  await client.send(".\r\n");
  assert.match(await client.line(), /^451 4\.3\.0 /);
  assert.equal(await client.line(), "250 2.0.0 kept old@example.com");
  assert.equal(stage.old.messages.at(-1)!.length, 3_000_000 + 7 - 2);
});

Deno.test("a destination that is not there defers its recipients, and SMTP goes on with others", async () => {
  await using stage = await Stage.create("smtp", {}, { new: refusedPort() });
  using client = await stage.client();
  const answers = await client.envelope("new", "old");
  assert.match(answers[0]!, /^451 4\.3\.0 /);
  assert.match(answers[1]!, /^250 /);
  assert.deepEqual(await client.message("x", 1), ["250 2.0.0 kept message"]);
  const line = await stage.proxy.event("delivery_unavailable");
  assert.equal(line["destination"], "new");
});

Deno.test("no line end but CR LF ends anything", async () => {
  await using stage = await Stage.create("smtp");
  using client = await stage.client();
  await client.send("NOOP\nMAIL FROM:<x@y>\r\nNOOP\r\n");
  assert.match(await client.line(), /^500 5\.5\.2 /);
  assert.match(await client.line(), /^500 5\.5\.2 /);
  assert.match(await client.line(), /^250 /);
  assert.match(await client.say("NOOP \r"), /^500 5\.5\.2 /);
  const tricks = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r\r\n",
  ];
  for (const trick of tricks) {
    await client.envelope("old");
    assert.deepEqual(
      await client.message(
        `one${trick}MAIL FROM:<evil@x>\r\nRCPT TO:<old@example.com>\r\nDATA\r\ntwo`,
        1,
      ),
      ["550 5.6.0 A dot on a line that does not end in CR and LF"],
      JSON.stringify(trick),
    );
  }
  assert.deepEqual(stage.old.messages, []);
  const sent = stage.old.commands.flat();
  assert.ok(!sent.some((line) => line.includes("evil")));
  assert.deepEqual(await client.envelope("old"), ["250 2.1.5 OK"]);
  assert.deepEqual(await client.message("bare\nfeeds\rpass", 1), [
    "250 2.0.0 kept message",
  ]);
});

Deno.test("a held account defers, and a message on its way is not kept by the server that it leaves", async () => {
  await using stage = await Stage.create("lmtp");
  const { proxy, old, new_ } = stage;
  using client = await stage.client();
  const account = "identifier=moving%40example.com";
  await proxy.ask("POST", `/connections/delay?${account}&seconds=60`);
  const answers = await client.envelope("moving", "moving+box", "old");
  assert.match(answers[0]!, /^450 4\.2\.1 /);
  assert.match(answers[1]!, /^450 4\.2\.1 /);
  assert.match(answers[2]!, /^250 /);
  await proxy.ask("POST", `/connections/delay?${account}&seconds=0`);
  await client.say("RSET");
  await client.envelope("moving", "new");
  await client.say("DATA");
  await client.send("half\r\n");
  await until("the data", () => old.commands.at(-1)?.at(-1) === "half");
  await proxy.ask("PUT", `/mappings?${account}&destination=new`);
  await client.send("rest\r\n.\r\n");
  assert.match(await client.line(), /^451 4\.3\.0 /);
  assert.equal(await client.line(), "250 2.0.0 kept new@example.com");
  assert.deepEqual(old.messages, []);
  assert.deepEqual(await client.envelope("moving+box"), ["250 2.1.5 OK"]);
  assert.deepEqual(await client.message("x", 1), [
    "250 2.0.0 kept moving+box@example.com",
  ]);
  assert.deepEqual(new_.messages, ["half\r\nrest", "x"]);
  // A kick reaches the message of an account.
  await client.envelope("moving");
  const kicked = await proxy.ask("POST", `/connections/kick?${account}`);
  assert.match(kicked, /kicked 1/);
  assert.match(await client.line(), /^421 4\.3\.0 /);
  assert.equal((await proxy.ended(client))["reason"], "kicked");
});

Deno.test("commands out of order, and lines and recipients without measure, are refused", async () => {
  await using stage = await Stage.create("smtp");
  using client = await Sender.plain(stage.proxy.listener("mail"));
  for (
    const [line, answer] of [
      ["MAIL FROM:<>", "503"],
      ["LHLO x", "500"],
      ["HELO", "501"],
      ["HELO x", "250"],
      ["STARTTLS", "500"],
      ["AUTH PLAIN", "500"],
      ["BDAT 3 LAST", "500"],
      ["VRFY x", "252"],
      ["RCPT TO:<old@example.com>", "503"],
      ["DATA", "503"],
      ["MAIL FROM:<> SIZE=1", "555"],
      ["MAIL FROM: a@x", "501"],
      ["MAIL FROM:<>", "250"],
      ["MAIL FROM:<>", "503"],
      ["RCPT TO:<>", "501"],
      ["DATA", "503"],
    ] as const
  ) assert.equal((await client.say(line)).slice(0, 3), answer, line);
  const asked = Array.from(
    { length: 1001 },
    (_, i) => `RCPT TO:<r${i}@example.com>\r\n`,
  );
  await client.send(asked.join(""));
  const answers = await client.lines(1001);
  assert.ok(answers.slice(0, 1000).every((line) => line.startsWith("250")));
  assert.match(answers[1000]!, /^452 4\.5\.3 /);
  await client.send(`${"x".repeat(9000)}\r\n`);
  assert.match(await client.line(), /^421 4\.7\.0 /);
  assert.equal((await stage.proxy.ended(client))["reason"], "preauth-limit");
});

Deno.test("a client that leaves in the middle of its message has sent none", async () => {
  await using stage = await Stage.create("smtp");
  using client = await stage.client();
  await client.envelope("old");
  await client.say("DATA");
  await client.send("half\r\n");
  client.close();
  const record = await stage.proxy.ended(client);
  assert.equal(record["reason"], "client-closed");
  await stage.proxy.empty();
  assert.deepEqual(stage.old.messages, []);
});

needs(
  ["swaks"],
  "swaks delivers to recipients of two destinations",
  async () => {
    await using stage = await Stage.create("lmtp");
    const port = String(stage.proxy.listener("mail").port);
    const { success, stdout } = await new Deno.Command("swaks", {
      args: [
        ...["--server", "127.0.0.1", "--port", port, "--protocol", "LMTP"],
        ...["--from", "a@example.com", "--body", "sent by swaks"],
        ...["--to", "old@example.com,new@example.com", "--pipeline"],
      ],
      stdin: "null",
    }).output();
    assert.ok(success, new TextDecoder().decode(stdout));
    for (const { messages } of [stage.old, stage.new_]) {
      assert.match(messages[0]!, /sent by swaks/);
    }
  },
);

needs(
  ["dovecot", "swaks"],
  "two Dovecots get what is for their accounts, with the client in a PROXY header or XCLIENT",
  async () => {
    for (const forwarding of ["proxy", "xclient"] as const) {
      await using ground = await Ground.create();
      const { folder, authority } = ground;
      const server = (name: string) =>
        Dovecot.start({
          name,
          folder,
          authority,
          forwarding,
          protocols: ["lmtp"],
        });
      await using old = await server("old");
      await using new_ = await server("new");
      await using proxy = await Mailferry.start({
        ground,
        mappings: { "new@example.com": "new" },
        config: {
          listener: {
            imap: undefined,
            imaps: undefined,
            mail: {
              protocol: "lmtp",
              tls: "plain",
              route: "recipient",
              bind: ["127.0.0.1:0"],
            },
          },
          destination: { old: old.destination(), new: new_.destination() },
        },
      });
      const { success, stdout } = await new Deno.Command("swaks", {
        args: [
          ...["--server", "127.0.0.1", "--protocol", "LMTP", "--port"],
          String(proxy.listener("mail").port),
          ...["--from", "a@example.com", "--body", "sent by swaks"],
          ...["--to", "old@example.com,new@example.com"],
        ],
        stdin: "null",
      }).output();
      const dialogue = new TextDecoder().decode(stdout);
      assert.ok(success, dialogue);
      assert.equal(dialogue.match(/250 2\.0\.0 .*Saved/g)?.length, 2, dialogue);
      for (const [name, account] of [["old", "old"], ["new", "new"]]) {
        const box = `${folder}/${name}/mail/${account}@example.com/Maildir/new`;
        const [message] = [...Deno.readDirSync(box)];
        const text = await Deno.readTextFile(`${box}/${message!.name}`);
        assert.match(text, /sent by swaks/);
      }
      await proxy.event("message");
      assert.equal(proxy.count("forwarding_refused"), 0);
    }
  },
);
