/** What any server of SMTP says here, with enhanced status codes (RFC 2034, RFC 3463). */

/** RFC 3207 4. */
export const GO_AHEAD = "220 2.0.0 Ready to start TLS\r\n";
export const BYE = "221 2.0.0 Bye\r\n";
export const OK = "250 2.0.0 OK\r\n";
/** RFC 5321 3.5.3: whether the address exists is not said. */
export const CANNOT_VERIFY = "252 2.1.5 Cannot VRFY, send a message\r\n";

export const NO_SUCH_COMMAND = "500 5.5.2 Command unknown\r\n";
export const BAD_LINE_END =
  "500 5.5.2 A line ends in CR and LF, and holds neither of them\r\n";
export const BAD_ARGUMENTS = "501 5.5.4 Bad arguments\r\n";
export const NOT_NOW = "503 5.5.1 Command not allowed now\r\n";
