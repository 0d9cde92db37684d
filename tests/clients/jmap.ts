/**
 * A JMAP client that a test commands:  tests/clients/jmap.ts URL AUTHORIZATION
 *
 * A program of its own, with its own dependencies, so that the proxy has none of them. It reads one command
 * a line and answers each with a line of JSON: `{"ok": ...}` or `{"failed": "why", "status": ...}`, the
 * status of the last response. Events come in between as `{"event": ...}`.
 */
import { EventSource } from "eventsource";
import JamClient from "jmap-jam";

type Session = Awaited<ReturnType<typeof JamClient.loadSession>>;

const [url = "", authorization = ""] = Deno.args;

/** Of the last response; the library keeps it to itself. */
let status = 0;
const plainFetch = fetch;
globalThis.fetch = async (...args) => {
  const response = await plainFetch(...args);
  status = response.status;
  return response;
};

/** The session resource; its URLs may be relative to its own. */
async function loadSession(): Promise<Session> {
  const response = await fetch(`${url}/.well-known/jmap`, {
    headers: { authorization, accept: "application/json" },
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`session: ${response.status}`);
  }
  const session = await response.json();
  for (const [name, value] of Object.entries<string>(session)) {
    if (/Url$/.test(name)) session[name] = new URL(value, response.url).href;
  }
  // The braces of the templates (RFC 6570) are none of the URL's.
  return JSON.parse(
    JSON.stringify(session).replace(/%7B(\w+)%7D/g, "{$1}"),
  );
}

async function client(): Promise<JamClient> {
  const session = JSON.stringify(await loadSession());
  const jam = new JamClient({
    sessionUrl: `data:application/json,${encodeURIComponent(session)}`,
    bearerToken: "",
  });
  jam.authHeader = authorization;
  return jam;
}

interface Response {
  readonly requestId: string;
  readonly methodResponses: [string, { list: { subject: string }[] }, string][];
}

let socket: WebSocket | undefined;
let responded: (response: Response) => void = () => {};
let current: JamClient | undefined;

/** As a client does it: the session is asked for once. */
async function jam(): Promise<JamClient> {
  return current ??= await client();
}

const commands: Record<string, (...args: string[]) => Promise<unknown>> = {
  /** Subjects and texts of all mail, by subject. */
  async read() {
    const api = await jam();
    const accountId = await api.getPrimaryAccount();
    const [{ mail }] = await api.requestMany((t) => {
      const found = t.Email.query({ accountId });
      const mail = t.Email.get({
        accountId,
        ids: found.$ref("/ids"),
        properties: ["subject", "bodyValues"],
        fetchTextBodyValues: true,
        maxBodyValueBytes: 100,
      });
      return { found, mail };
    });
    return mail.list.map(({ subject, bodyValues }) => ({
      subject,
      text: Object.values(bodyValues ?? {}).map(({ value }) => value.trim())
        .join(),
    })).sort((a, b) => String(a.subject) < String(b.subject) ? -1 : 1);
  },

  /** Put a message with a body of `size` octets into the inbox, and answer what came back of it: subject and size. */
  async store(subject = "", size = "") {
    const api = await jam();
    const accountId = await api.getPrimaryAccount();
    const text = "0123456789abcdef".repeat(4).concat("\r\n")
      .repeat(Math.ceil(Number(size) / 66));
    const blob = await api.uploadBlob(
      accountId,
      `From: me@example.com\r\nSubject: ${subject}\r\n\r\n${text}`,
    );
    const [{ ids }] = await api.request([
      "Mailbox/query",
      { accountId, filter: { role: "inbox" } },
    ]);
    const emails = {
      m: {
        blobId: blob.blobId,
        mailboxIds: { [ids[0]!]: true },
        keywords: {},
        receivedAt: new Date().toISOString(),
      },
    };
    const [{ created }] = await api.request([
      "Email/import",
      // The library's types take no computed name.
      { accountId, emails: emails as never },
    ]);
    const back = await api.downloadBlob({
      accountId,
      blobId: created!.m!.blobId,
      mimeType: "message/rfc822",
      fileName: "m.eml",
    });
    const message = await back.text();
    return {
      sent: blob.size,
      back: message.length,
      same: message.endsWith(text),
    };
  },

  /** Open the event source; from then on each event is told. */
  async events() {
    const api = await jam();
    const template = (await api.session).eventSourceUrl;
    const source = new EventSource(
      template.replace("{types}", "*").replace("{closeafter}", "no")
        .replace("{ping}", "0"),
      {
        fetch: (input, init) =>
          fetch(input, {
            ...init,
            headers: { ...init.headers, authorization },
          }),
      },
    );
    await new Promise<void>((resolve, reject) => {
      source.addEventListener("open", () => resolve());
      source.addEventListener(
        "error",
        (event) =>
          reject(new Error(`event source: ${event.code} ${event.message}`)),
      );
    });
    source.addEventListener(
      "state",
      ({ data }) => print({ event: JSON.parse(data) }),
    );
    source.addEventListener("error", () => print({ event: "lost" }));
  },

  /** Open a WebSocket (RFC 8887); from then on each state change is told. */
  async websocket() {
    const api = await jam();
    const { capabilities } = await api.session;
    const { url } = capabilities["urn:ietf:params:jmap:websocket"] as {
      url: string;
    };
    const opened = new WebSocket(url, {
      protocols: ["jmap"],
      headers: { authorization },
    });
    await new Promise<void>((resolve, reject) => {
      opened.onopen = () => resolve();
      opened.onerror = (event) =>
        reject(new Error((event as ErrorEvent).message));
    });
    opened.onerror = null;
    opened.onclose = () => print({ event: "closed" });
    opened.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message["@type"] === "StateChange") print({ event: message });
      else responded(message);
    };
    opened.send(JSON.stringify({ "@type": "WebSocketPushEnable" }));
    socket = opened;
    return opened.protocol;
  },

  /** Subjects of all mail, asked for over the WebSocket. */
  async subjects() {
    const accountId = await (await jam()).getPrimaryAccount();
    const response = new Promise<Response>((resolve) => responded = resolve);
    socket!.send(JSON.stringify({
      "@type": "Request",
      id: "r",
      using: ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
      methodCalls: [
        ["Email/query", { accountId }, "found"],
        ["Email/get", {
          accountId,
          properties: ["subject"],
          "#ids": { resultOf: "found", name: "Email/query", path: "/ids" },
        }, "mail"],
      ],
    }));
    const { requestId, methodResponses } = await response;
    if (requestId !== "r") throw new Error(`an answer to ${requestId}`);
    return methodResponses[1]![1].list.map(({ subject }) => subject).sort();
  },

  /** Begin anew, with the session resource. */
  // deno-lint-ignore require-await
  async forget() {
    current = undefined;
  },
};

function print(answer: unknown): void {
  console.log(JSON.stringify(answer));
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
let rest = "";
for await (const chunk of lines) {
  const parts = (rest + chunk).split("\n");
  rest = parts.pop()!;
  for (const line of parts) {
    const [name = "", ...args] = line.split(" ");
    try {
      print({ ok: await commands[name]!(...args) ?? null });
    } catch (error) {
      print({ failed: String(error), status });
    }
  }
}
Deno.exit();
