/** Rules about listeners and the certificates that they serve. */
import { isPassThrough, mayOfferStartTls } from "../protocols.ts";
import { parseRuntimeBind } from "../schema_runtime.ts";
import { eachListener, type Rule } from "./rule.ts";

/** A bridged protocol cannot take part in STARTTLS, and HTTP has none. */
export const listenerStartTls: Rule = (draft, issues) => {
  for (const [name, listener] of eachListener(draft)) {
    const { protocol, tls, route } = listener;
    if (
      protocol !== undefined && tls === "starttls" &&
      !mayOfferStartTls({ protocol, route })
    ) {
      const way = isPassThrough(protocol) ? ', or route = "recipient"' : "";
      issues.problem(
        ["listener", name, "tls"],
        `starttls is not possible for ${protocol}: use "implicit" or "plain"${way}`,
      );
    }
  }
};

/** Anybody could claim any address otherwise. */
export const proxyTrusted: Rule = (draft, issues) => {
  for (const [name, listener] of eachListener(draft)) {
    const mode = listener.proxy_protocol;
    if (
      mode !== undefined && mode !== "off" &&
      listener.proxy_trusted?.length === 0
    ) {
      issues.problem(
        ["listener", name, "proxy_trusted"],
        `required because proxy_protocol is "${mode}": name the addresses that may send a PROXY header`,
      );
    }
  }
};

/** Two sockets on one port would share its connections at random, since ports are bound to be shared. */
export const distinctBinds: Rule = (draft, issues) => {
  const owners = new Map<string, string>();
  const claim = (
    address: string | undefined,
    owner: string,
    path: (string | number)[],
  ) => {
    const endpoint = address === undefined ? null : parseRuntimeBind(address);
    if (endpoint === null || endpoint.port === 0) return;
    const name = `${endpoint.hostname.toLowerCase()} ${endpoint.port}`;
    const other = owners.get(name);
    if (other === undefined) owners.set(name, owner);
    else {
      issues.problem(path, `${address} is already bound by ${other}`);
    }
  };
  for (const [name, listener] of eachListener(draft)) {
    (listener.bind ?? []).forEach((address, i) =>
      claim(address, `listener ${name}`, ["listener", name, "bind", i])
    );
  }
  claim(draft.admin?.bind, "the management API", ["admin", "bind"]);
  (draft.runtime?.socket ?? []).forEach(({ bind }, i) =>
    claim(bind, `runtime socket ${i + 1}`, ["runtime", "socket", i, "bind"])
  );
};

export const someListener: Rule = (draft, issues) => {
  if (draft.listener && Object.keys(draft.listener).length === 0) {
    issues.warn(["listener"], "no listener is declared: nothing is served");
  }
};

export const cipherSuites: Rule = (draft, issues) => {
  const protocols = draft.tls?.protocols;
  if ((protocols?.disable_cipher_suites ?? []).length > 0) {
    issues.problem(
      ["tls", "protocols", "disable_cipher_suites"],
      "cipher suites cannot be chosen here, so the list must be empty (only TLS 1.2 and 1.3 suites with forward secrecy are offered)",
    );
  }
  if (protocols?.ignore_client_order === true) {
    issues.warn(
      ["tls", "protocols", "ignore_client_order"],
      "has no effect: the order of cipher suites cannot be chosen here",
    );
  }
};

export const certificates: Rule = (draft, issues) => {
  const declared = Object.entries(draft.tls?.certificate ?? {});
  const defaults = declared.filter(([, value]) => value?.default === true);
  for (const [name] of defaults.slice(1)) {
    issues.warn(
      ["tls", "certificate", name, "default"],
      `certificate ${defaults[0]![0]} is the default already (ignored)`,
    );
  }
  const secure = [...eachListener(draft)].some(([, listener]) =>
    listener.tls !== undefined && listener.tls !== "plain"
  );
  if (secure && draft.tls?.certificate && declared.length === 0) {
    issues.warn(
      ["tls", "certificate"],
      "no certificate is declared: clients get one that the local authority signs, whose root they have to trust first (mailferry trust)",
    );
  }
};
