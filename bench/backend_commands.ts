/** What the dummy backend answers, in each protocol. */
import type { MailProtocol } from "./dialogues.ts";
import type { Wire } from "./wire.ts";

/** The server's side of a protocol. */
export interface Answers {
  greeting: string;
  /** False when the session is over. */
  command(wire: Wire, line: string): Promise<boolean>;
}

const CAPABILITY = "CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID AUTH=PLAIN";

/** Besides IMAP: `SEND n` streams n bytes, `RECV n` takes n bytes, `ECHO` answers at once. */
const imap: Answers = {
  greeting: `* OK [${CAPABILITY}] ready\r\n`,
  async command(wire, line) {
    const [tag = "*", verb = "", argument = "", initial] = line.split(" ");
    switch (verb.toUpperCase()) {
      case "CAPABILITY":
        await wire.write(`* ${CAPABILITY}\r\n${tag} OK done\r\n`);
        return true;
      case "ID":
        await wire.write(`* ID NIL\r\n${tag} OK done\r\n`);
        return true;
      case "AUTHENTICATE":
        if (argument.toUpperCase() !== "PLAIN") {
          await wire.write(`${tag} NO mechanism unknown\r\n`);
          return true;
        }
        if (initial === undefined) {
          await wire.write("+ \r\n");
          if (await wire.readLine() === null) return false;
        }
        await wire.write(`${tag} OK [${CAPABILITY}] logged in\r\n`);
        return true;
      case "LOGIN":
        // nginx sends both arguments as literals; none of them has a line end in it.
        for (let rest = line; rest.endsWith("}");) {
          await wire.write("+ \r\n");
          const more = await wire.readLine();
          if (more === null) return false;
          rest = more;
        }
        await wire.write(`${tag} OK [${CAPABILITY}] logged in\r\n`);
        return true;
      case "SEND":
        await wire.writeFiller(Number(argument));
        await wire.write(`${tag} OK sent\r\n`);
        return true;
      case "RECV":
        await wire.skip(Number(argument));
        await wire.write(`${tag} OK received\r\n`);
        return true;
      case "ECHO":
      case "NOOP":
        await wire.write(`${tag} OK done\r\n`);
        return true;
      case "LOGOUT":
        await wire.write(`* BYE\r\n${tag} OK bye\r\n`);
        return false;
      default:
        await wire.write(`${tag} BAD unknown command\r\n`);
        return true;
    }
  },
};

/** `RETR n` is a message of n bytes. */
const pop3: Answers = {
  greeting: "+OK ready\r\n",
  async command(wire, line) {
    const [verb = "", argument = "", initial] = line.split(" ");
    switch (verb.toUpperCase()) {
      case "CAPA":
        await wire.write("+OK\r\nSASL PLAIN\r\nUSER\r\nTOP\r\nUIDL\r\n.\r\n");
        return true;
      case "AUTH":
        if (argument.toUpperCase() !== "PLAIN") {
          await wire.write("-ERR mechanism unknown\r\n");
          return true;
        }
        if (initial === undefined) {
          await wire.write("+ \r\n");
          if (await wire.readLine() === null) return false;
        }
        await wire.write("+OK logged in\r\n");
        return true;
      case "USER":
      case "PASS":
      case "NOOP":
        await wire.write("+OK\r\n");
        return true;
      case "RETR":
        await wire.write("+OK here it is\r\n");
        await wire.writeMessage(Number(argument));
        return true;
      case "QUIT":
        await wire.write("+OK bye\r\n");
        return false;
      default:
        await wire.write("-ERR unknown command\r\n");
        return true;
    }
  },
};

const EHLO = "250-backend.bench.test\r\n250-PIPELINING\r\n" +
  "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n";

const submission: Answers = {
  greeting: "220 backend.bench.test ESMTP\r\n",
  async command(wire, line) {
    const [verb = "", argument = "", initial] = line.split(" ");
    switch (verb.toUpperCase()) {
      case "EHLO":
        await wire.write(EHLO);
        return true;
      case "AUTH":
        if (argument.toUpperCase() !== "PLAIN") {
          await wire.write("504 5.5.4 mechanism unknown\r\n");
          return true;
        }
        if (initial === undefined) {
          await wire.write("334 \r\n");
          if (await wire.readLine() === null) return false;
        }
        await wire.write("235 2.7.0 logged in\r\n");
        return true;
      case "HELO":
      case "MAIL":
      case "RCPT":
      case "NOOP":
      case "RSET":
        await wire.write("250 2.0.0 done\r\n");
        return true;
      case "DATA":
        await wire.write("354 go on\r\n");
        await wire.skipMessage();
        await wire.write("250 2.0.0 taken\r\n");
        return true;
      case "QUIT":
        await wire.write("221 2.0.0 bye\r\n");
        return false;
      default:
        await wire.write("500 5.5.1 unknown command\r\n");
        return true;
    }
  },
};

export const ANSWERS: Readonly<Record<MailProtocol, Answers>> = {
  imap,
  pop3,
  submission,
};
