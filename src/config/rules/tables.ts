/** Rules about `[acl]` and `[map]`, and who names them. */
import { aclNameOf, MAPPINGS_MAP } from "../tables.ts";
import { eachListener, type Rule } from "./rule.ts";

/** A listener that lost its list must not let everybody in, or nobody. */
export const knownAcls: Rule = (draft, issues) => {
  const declared = Object.keys(draft.acl ?? {});
  const check = (path: (string | number)[], name: string) => {
    if (declared.includes(name)) return;
    const known = declared.length === 0
      ? "none is declared"
      : `declared are ${declared.slice(0, 10).join(", ")}`;
    issues.problem(
      path,
      `acl ${JSON.stringify(name)} is not declared: ${known}`,
    );
  };
  for (
    const [listener, { allow, deny, proxy_trusted }] of eachListener(draft)
  ) {
    for (const [key, names] of [["allow", allow], ["deny", deny]] as const) {
      names?.forEach((name, i) => check(["listener", listener, key, i], name));
    }
    proxy_trusted?.forEach((range, i) => {
      const name = aclNameOf(range);
      if (name === null) return;
      check(["listener", listener, "proxy_trusted", i], name);
    });
  }
};

export const mapNames: Rule = (draft, issues) => {
  if (!Object.hasOwn(draft.map ?? {}, MAPPINGS_MAP)) return;
  issues.problem(
    ["map", MAPPINGS_MAP],
    "is the name by which the runtime socket has the mappings: choose another",
  );
};
