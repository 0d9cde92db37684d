import { socket, testRules } from "./testing.ts";

testRules([
  {
    rule: "a runtime socket has an address of its own",
    bad: socket('bind = "127.0.0.1:1993"'),
    says: [
      "runtime.socket[0].bind: 127.0.0.1:1993 is already bound by listener imap",
    ],
    good: socket('bind = "127.0.0.1:1994"'),
  },
  {
    rule: "a runtime socket is somewhere",
    bad: socket('level = "user"'),
    says: ["runtime.socket[0]: either path or bind is required, and not both"],
    good: socket('path = "/run/s"\nuser = "mail"\ngroup = "7"\nmode = "0600"'),
  },
  {
    rule: "a runtime socket is at one place",
    bad: socket('path = "/run/s"\nbind = "[::1]:9999"'),
    says: ["runtime.socket[0]: either path or bind is required, and not both"],
    good: socket('bind = "[::1]:9999"\nlevel = "admin"'),
  },
  {
    rule: "an address has no owner",
    bad: socket('bind = "127.0.0.1:9999"\nuser = "mail"'),
    says: ["runtime.socket[0].user: only a UNIX socket (path) has an owner"],
    good: socket('path = "/run/s"\nuser = "mail"'),
  },
  {
    rule: "nobody is an admin over the network",
    bad: socket('bind = "192.0.2.1:9999"\nlevel = "admin"'),
    says: [
      "runtime.socket[0].level: ",
      "192.0.2.1:9999 is not a loopback address",
    ],
    good: socket('bind = "127.0.0.1:9999"\nlevel = "admin"'),
  },
  {
    rule: "runtime sockets have paths of their own",
    bad: socket('path = "/run/s"\n[[runtime.socket]]\npath = "/run/s"'),
    says: ["runtime.socket[1].path: another socket has the same path"],
    good: socket('path = "/run/s"\n[[runtime.socket]]\npath = "/run/t"'),
  },
]);
