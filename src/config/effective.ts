/** Values that follow from several keys, worked out in one place. */
import type { Forwarding, ProtocolName } from "../port/snapshot.ts";
import type { Config, DestinationConfig, LegConfig } from "./schema.ts";

/** The declared destination of that name. Names come from clients of the API: inherited properties must not count. */
export function destinationOf(
  config: Config,
  name: string,
): DestinationConfig | undefined {
  return Object.hasOwn(config.destination, name)
    ? config.destination[name]
    : undefined;
}

/** The leg of a destination for a protocol, if it has one. */
export function legOf(
  config: Config,
  destination: string,
  protocol: ProtocolName,
): LegConfig | undefined {
  return destinationOf(config, destination)?.protocol[protocol];
}

/**
 * How a leg forwards the client's address: its own key, else the destination's, else by `proxy_protocol`.
 * HTTP has nothing like XCLIENT; its own way has a key of its own, `forwarded`.
 */
export function legForwarding(
  config: Config,
  destination: string,
  protocol: ProtocolName,
): Forwarding {
  const target = destinationOf(config, destination);
  const forwarding = target?.protocol[protocol]?.forwarding ??
    target?.forwarding ??
    (target?.proxy_protocol === false ? "none" : "proxy");
  return protocol === "http" && forwarding === "xclient" ? "none" : forwarding;
}

/** Name for SNI and verification of a destination's TLS legs. */
export function serverName(destination: DestinationConfig): string {
  return destination.tls_server_name ?? destination.host;
}

/** Capabilities that follow from the state of the connection; a fixed promise of them would be untrue. */
export function isOwnCapability(word: string): boolean {
  return /^(AUTH[= ].*|AUTH|STARTTLS|LOGINDISABLED|XCLIENT( .*)?)$/i.test(word);
}

/** What `[capabilities.imap] advertise` leaves to promise before the connection's state adds its own. */
export function advertisedImap(config: Config): readonly string[] | "probe" {
  const { advertise } = config.capabilities.imap;
  return advertise === "probe"
    ? advertise
    : advertise.filter((word) => !isOwnCapability(word));
}

/** Likewise the EHLO keywords of `[capabilities.submission]`. */
export function advertisedEhlo(config: Config): readonly string[] {
  return config.capabilities.submission.ehlo.filter((word) =>
    !isOwnCapability(word)
  );
}
