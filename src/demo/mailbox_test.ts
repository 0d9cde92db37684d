import assert from "node:assert/strict";
import { Mailbox, namesTheMessage, NotServed } from "./mailbox.ts";

const mailbox = new Mailbox(["From: a@example.com", "Subject: Hé"], "text\n");
const whole = "From: a@example.com\r\nSubject: Hé\r\n\r\ntext\r\n";

function fetch(items: string, withUid = false): string {
  return new TextDecoder().decode(mailbox.fetch(items, withUid));
}

Deno.test("Mailbox.fetch counts literals in bytes", () => {
  assert.equal(mailbox.size, whole.length + 1);
  assert.equal(
    fetch("BODY[]"),
    `* 1 FETCH (BODY[] {${whole.length + 1}}\r\n${whole})\r\n`,
  );
});

Deno.test("Mailbox.fetch serves sections, lists and the UID", () => {
  assert.equal(fetch("(flags uid)"), "* 1 FETCH (FLAGS (\\Seen) UID 1)\r\n");
  assert.equal(
    fetch("BODY.PEEK[TEXT]", true),
    "* 1 FETCH (UID 1 BODY[TEXT] {6}\r\ntext\r\n)\r\n",
  );
  assert.equal(
    fetch("(UID BODY.PEEK[HEADER.FIELDS (From Date)])", true),
    "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM DATE)] {23}\r\n" +
      "From: a@example.com\r\n\r\n)\r\n",
  );
});

Deno.test("Mailbox.fetch refuses what it does not have", () => {
  for (const items of ["ENVELOPE", "BODY[2]", "BODY[]<0.10>"]) {
    assert.throws(() => fetch(items), NotServed, items);
  }
});

Deno.test("Mailbox.status answers what was asked for", () => {
  assert.equal(mailbox.status("MESSAGES UIDNEXT"), "MESSAGES 1 UIDNEXT 2");
});

Deno.test("namesTheMessage reads sequence sets", () => {
  for (const set of ["1", "*", "1:*", "*:4", "7,1:2", "3:1"]) {
    assert.equal(namesTheMessage(set), true, set);
  }
  for (const set of ["2", "2:4", "", "x"]) {
    assert.equal(namesTheMessage(set), false, set);
  }
});
