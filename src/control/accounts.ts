/** Accounts as administrators name them, and what a mapping store may be given of them. */
import { mappingTargetFault } from "../config/mapping_targets.ts";
import type { Config } from "../config/schema.ts";
import {
  checkIdentifier,
  InvalidIdentifier,
  routeKey,
} from "../route/identifier.ts";
import { type MappingStore, StoreError } from "../store/store.ts";
import { ControlError } from "./api.ts";
import { routeKeyRules } from "./settings.ts";

/** The key of an account, as sessions have it. Throws ControlError("invalid"). */
export function accountKey(config: Config, identifier: string): string {
  return valid(() => routeKey(identifier, routeKeyRules(config)));
}

/** Throws ControlError: "unknown" for no destination at all, "invalid" for one that accounts cannot be mapped to. */
export function mustBeTarget(config: Config, destination: string): void {
  if (!Object.hasOwn(config.destination, destination)) {
    throw new ControlError("unknown", "unknown destination");
  }
  // What a file with this mapping would be refused for, at the next reload or start.
  const fault = mappingTargetFault(config)(destination);
  if (fault !== null) throw new ControlError("invalid", fault);
}

/** Throws ControlError("read-only"). */
export function mustBeWritable(store: MappingStore): void {
  if (store.writable) return;
  throw new ControlError("read-only", "the mapping store is read-only");
}

/** Throws ControlError("invalid") for an account that the store could not read back. */
export function mustBeStorable(
  store: Pick<MappingStore, "unstorable">,
  account: string,
): void {
  valid(() => checkIdentifier(account));
  const unstorable = store.unstorable(account);
  if (unstorable !== null) throw new ControlError("invalid", unstorable);
}

/** What a store has thrown, as callers of the control plane are told. */
export function storeFailure(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  const { code, message } = error;
  if (code === "unstorable") return new ControlError("invalid", message);
  // These are words of a server or driver, which do not say whose trouble it is.
  const isItsOwn = code === "unavailable" || code === "write-failed";
  return new ControlError(
    "failed",
    isItsOwn ? `the mapping store: ${message}` : message,
  );
}

function valid<T>(judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof InvalidIdentifier)) throw error;
    throw new ControlError("invalid", error.message);
  }
}
