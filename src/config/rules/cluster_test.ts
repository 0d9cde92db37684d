import { BASE } from "../testing.ts";
import { plus, testRules } from "./testing.ts";

/** With mappings in one place for all proxies. */
const clustered = (bus: string, url: string) =>
  BASE.replace(
    /source = "file"[^]*?\n\[/,
    'source = "sql"\n[mapping.sql]\nurl = "sqlite:///routes.db"\nquery = "SELECT ?"\n[',
  ) +
  `\n[cluster]\nbus = "${bus}"\nurl = "${url}"\n`;

testRules([
  {
    rule: "the address of a cluster's bus can be understood",
    bad: plus('[cluster]\nbus = "redis"\nurl = "redis://:hunter2@one,two"'),
    says: ["cluster.url: names several hosts"],
    good: clustered("redis", "redis+cluster://:hunter2@one,two"),
  },
  {
    rule: "the address of a cluster's bus is one of its kind",
    bad: plus('[cluster]\nbus = "postgres"\nurl = "mysql://u:hunter2@h/d"'),
    says: ["cluster.url: must start with postgres://"],
    good: clustered("postgres", "postgres://u:hunter2@h/d"),
  },
]);
