/**
 * Requests by which a proxy and a server behind it can be brought to disagree where one request ends and
 * the next begins, or what it is. Octets are written as characters of latin-1.
 */

export interface BadRequest {
  readonly what: string;
  readonly text: string;
  /** What it may be answered with. */
  readonly status: readonly number[];
}

/** What must never arrive anywhere; behind every case. */
export const BEHIND = "GET /smuggled HTTP/1.1\r\nHost: proxy.test\r\n\r\n";

const post = (fields: string, body = "") =>
  `POST /first HTTP/1.1\r\nHost: proxy.test\r\n${fields}\r\n${body}`;
const get = (lines: string) => `GET /first HTTP/1.1\r\n${lines}\r\n`;

function cases(
  status: number | readonly number[],
  texts: Readonly<Record<string, string>>,
): BadRequest[] {
  return Object.entries(texts).map(([what, text]) => ({
    what,
    text,
    status: typeof status === "number" ? [status] : status,
  }));
}

const CL = "Content-Length";
const TE = "Transfer-Encoding";

/** The head says two things about the length of the body, or nothing that can be relied on. */
export const BAD_FRAMING: readonly BadRequest[] = [
  ...cases(400, {
    "length and chunked (CL.TE)": post(
      `${CL}: 6\r\n${TE}: chunked\r\n`,
      "0\r\n\r\nG",
    ),
    "chunked and length (TE.CL)": post(
      `${TE}: chunked\r\n${CL}: 4\r\n`,
      "5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n",
    ),
    "length of 0 and chunked": post(`${CL}: 0\r\n${TE}: chunked\r\n`),
    "length and a coding that is none": post(
      `${CL}: 4\r\n${TE}: identity\r\n`,
      "body",
    ),
    "two lengths": post(`${CL}: 0\r\n${CL}: 44\r\n`),
    "two lengths in one line": post(`${CL}: 0, 44\r\n`),
    "a length with a plus": post(`${CL}: +5\r\n`, "hello"),
    "a length with a minus": post(`${CL}: -5\r\n`, "hello"),
    "a length in hex": post(`${CL}: 0x5\r\n`, "hello"),
    "a length with letters": post(`${CL}: 5a\r\n`, "hello"),
    "a length with a point": post(`${CL}: 5.0\r\n`, "hello"),
    "a length with an exponent": post(`${CL}: 1e1\r\n`, "hello"),
    "a length with a blank in it": post(`${CL}: 5 6\r\n`, "hello"),
    "a length in other digits": post(`${CL}: \xd9\xa5\r\n`, "hello"),
    "a length of nothing": post(`${CL}: \r\n`, "hello"),
    "a length that wraps": post(`${CL}: 18446744073709551621\r\n`, "hello"),
    "a length behind a form feed": post(`${CL}: \x0c5\r\n`, "hello"),
    "a length and a blank before the colon": post(`${CL} : 5\r\n`, "hello"),
    "chunked and a blank before the colon": post(
      `${TE} : chunked\r\n`,
      "0\r\n\r\n",
    ),
    "chunked and a tab before the colon": post(
      `${CL}: 5\r\n${TE}\t: chunked\r\n`,
      "hello",
    ),
    "chunked in a folded line": post(`X: y\r\n ${TE}: chunked\r\n`),
    "chunked folded": post(`${TE}:\r\n chunked\r\n`, "0\r\n\r\n"),
    "chunked in a line that ends in LF": post(
      `X: y\n${TE}: chunked\r\n`,
      "0\r\n\r\n",
    ),
    "chunked behind a bare CR": post(`X: y\r${TE}: chunked\r\n`),
    "chunked with NUL": post(`${TE}: chunked\0\r\n`, "0\r\n\r\n"),
    "a first line that is folded": post(` ${TE}: chunked\r\n`, "0\r\n\r\n")
      .replace("Host: proxy.test\r\n", ""),
  }),
  ...cases([400, 501], {
    "a coding that is not chunked": post(`${TE}: xchunked\r\n`, "0\r\n\r\n"),
    "a coding in front of chunked": post(
      `${TE}: gzip, chunked\r\n`,
      "0\r\n\r\n",
    ),
    "a coding behind chunked": post(`${TE}: chunked, gzip\r\n`, "0\r\n\r\n"),
    "identity": post(`${TE}: identity\r\n`),
    "chunked and identity": post(`${TE}: chunked, identity\r\n`, "0\r\n\r\n"),
    "chunked twice": post(`${TE}: chunked, chunked\r\n`, "0\r\n\r\n"),
    "chunked in two lines": post(
      `${TE}: chunked\r\n${TE}: chunked\r\n`,
      "0\r\n\r\n",
    ),
    "chunked and something else in two lines": post(
      `${TE}: chunked\r\n${TE}: x\r\n`,
      "0\r\n\r\n",
    ),
    "something else and chunked in two lines": post(
      `${TE}: x\r\n${TE}: chunked\r\n`,
      "0\r\n\r\n",
    ),
    "chunked in quotes": post(`${TE}: "chunked"\r\n`, "0\r\n\r\n"),
    "chunked behind a vertical tab": post(
      `${TE}: \x0bchunked\r\n`,
      "0\r\n\r\n",
    ),
    "chunked in front of DEL": post(`${TE}: chunked\x7f\r\n`, "0\r\n\r\n"),
    "chunked with a parameter": post(`${TE}: chunked;q=1\r\n`, "0\r\n\r\n"),
    "no coding": post(`${TE}: \r\n`),
  }),
];

/** The head is none, or says two things about where it goes. */
export const BAD_HEADS: readonly BadRequest[] = [
  ...cases(400, {
    "lines that end in LF": "GET /first HTTP/1.1\nHost: proxy.test\n\n",
    "one line that ends in LF": get("Host: proxy.test\nX: y\r\n"),
    "an end of LF": "GET /first HTTP/1.1\r\nHost: proxy.test\r\n\n",
    "a bare CR in a value": get("Host: proxy.test\r\nX: y\rz\r\n"),
    "a bare CR in the request line": "GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n",
    "two CR": get("Host: proxy.test\r\r\n"),
    "NUL in a value": get("Host: proxy.test\r\nX: a\0b\r\n"),
    "NUL in a name": get("Host: proxy.test\r\nX\0: a\r\n"),
    "NUL in the target": "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a folded value": get("Host: proxy.test\r\nX: a\r\n b\r\n"),
    "a value folded with a tab": get("Host: proxy.test\r\nX: a\r\n\tb\r\n"),
    "a blank before the colon": get("Host: proxy.test\r\nX : a\r\n"),
    "a blank in a name": get("Host: proxy.test\r\nX Y: a\r\n"),
    "no name": get("Host: proxy.test\r\n: a\r\n"),
    "a name that is no token": get("Host: proxy.test\r\nX(Y): a\r\n"),
    "a line without a colon": get("Host: proxy.test\r\nXY\r\n"),
    "no Host": get("X: y\r\n"),
    "two Hosts": get("Host: proxy.test\r\nHost: other.test\r\n"),
    "the same Host twice": get("Host: proxy.test\r\nHost: proxy.test\r\n"),
    "two Authorizations": get(
      "Host: a\r\nAuthorization: Basic YTpi\r\nAuthorization: Basic Yzpk\r\n",
    ),
    "a Host with a path": get("Host: proxy.test/x\r\n"),
    "a Host with a user": get("Host: me@proxy.test\r\n"),
    "a Host with a blank": get("Host: proxy.test other.test\r\n"),
    "another Host than in the target":
      "GET http://other.test/first HTTP/1.1\r\nHost: proxy.test\r\n\r\n",
    "another port than in the target":
      "GET http://proxy.test:81/first HTTP/1.1\r\nHost: proxy.test\r\n\r\n",
    "two blanks in front of the target":
      "GET  /first HTTP/1.1\r\nHost: a\r\n\r\n",
    "two blanks behind the target": "GET /first  HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tab in the request line": "GET\t/first HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank behind the version": "GET /first HTTP/1.1 \r\nHost: a\r\n\r\n",
    "a blank in front": " GET /first HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank in the target": "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control character in the target":
      "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target that is no path": "GET first HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method that is no token": "GE(T /first HTTP/1.1\r\nHost: a\r\n\r\n",
    "no method": "/first HTTP/1.1\r\nHost: a\r\n\r\n",
    "an asterisk for a method that knows none":
      "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a client hello": "\x16\x03\x01\x00\x05hello\r\n\r\n",
  }),
  ...cases(405, {
    "a tunnel": "CONNECT proxy.test:443 HTTP/1.1\r\nHost: proxy.test\r\n\r\n",
  }),
  ...cases(417, {
    "an expectation that is none": post(`Expect: x-y\r\n${CL}: 0\r\n`),
    "an expectation in disguise": post(
      `Expect: y 100-continue\r\n${CL}: 2\r\n`,
      "ab",
    ),
  }),
  ...cases(501, {
    "a coding that is unknown": post(`${TE}: gzip\r\n`),
  }),
  ...cases(505, {
    "HTTP/1.0": "GET /first HTTP/1.0\r\nHost: proxy.test\r\n\r\n",
    "HTTP/1.0 that is kept":
      "GET /first HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "HTTP/1.2": "GET /first HTTP/1.2\r\nHost: proxy.test\r\n\r\n",
    "HTTP/2.0": "GET /first HTTP/2.0\r\nHost: proxy.test\r\n\r\n",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  }),
  ...cases([400, 505], {
    "HTTP/0.9": "GET /first\r\n\r\n",
    "a version in small letters": "GET /first http/1.1\r\nHost: a\r\n\r\n",
    "a version with more digits": "GET /first HTTP/1.10\r\nHost: a\r\n\r\n",
    "another protocol": "GET /first ICY/1.1\r\nHost: a\r\n\r\n",
  }),
];

const chunked = (body: string) => post(`${TE}: chunked\r\n`, body);

/** A proper head, and a body whose chunks are not what they should be. */
export const BAD_CHUNKS: readonly BadRequest[] = cases(400, {
  "a size with 0x": chunked("0x5\r\nhello\r\n0\r\n\r\n"),
  "a size with a plus": chunked("+5\r\nhello\r\n0\r\n\r\n"),
  "a size with a minus": chunked("-5\r\nhello\r\n0\r\n\r\n"),
  "a size behind a blank": chunked(" 5\r\nhello\r\n0\r\n\r\n"),
  "a size with an underscore": chunked("1_0\r\nhello\r\n0\r\n\r\n"),
  "a size that wraps": chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"),
  "a size that is very long": chunked(`${"f".repeat(40)}\r\nhello\r\n`),
  "no size": chunked("\r\nhello\r\n0\r\n\r\n"),
  "no size but an extension": chunked(";a=b\r\nhello\r\n0\r\n\r\n"),
  "a size that is no number": chunked("g\r\nhello\r\n0\r\n\r\n"),
  "a size that ends in LF": chunked("5\nhello\r\n0\r\n\r\n"),
  "a size that ends in CR": chunked("5\rhello\r\n0\r\n\r\n"),
  "an extension with LF": chunked("5;a\nhello\r\n0\r\n\r\n"),
  "an extension with CR": chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"),
  "an extension with NUL": chunked("5;a\0b\r\nhello\r\n0\r\n\r\n"),
  "an extension without end": chunked(`5;${"a".repeat(100_000)}`),
  "something behind the size": chunked("5 x\r\nhello\r\n0\r\n\r\n"),
  "data without an end": chunked("5\r\nhello0\r\n\r\n"),
  "data that is longer": chunked("5\r\nhelloo\r\n0\r\n\r\n"),
  "data that ends in LF": chunked("5\r\nhello\n0\r\n\r\n"),
  "data that ends in CR": chunked("5\r\nhello\r0\r\n\r\n"),
  "an end in LF": chunked("5\r\nhello\r\n0\n\n"),
  "a last size of LF": chunked("0\n\r\n"),
  "a trailer without a colon": chunked("0\r\nX\r\n\r\n"),
  "a trailer that is a request": chunked("0\r\nGET / HTTP/1.1\r\n\r\n"),
  "a trailer that is folded": chunked("0\r\nX: y\r\n z\r\n\r\n"),
  "a trailer that ends in LF": chunked("0\r\nX: y\n\r\n"),
  "a trailer with a blank before the colon": chunked("0\r\nX : y\r\n\r\n"),
  "a trailer with NUL": chunked("0\r\nX: \0\r\n\r\n"),
});
