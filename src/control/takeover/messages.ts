/**
 * What two processes say to each other while one takes over from the other, and afterwards, as long as
 * the old one has sessions. The new one connects to a runtime socket of the old one that has
 * `expose_listeners`, gives the command `takeover`, and from then on both speak in messages.
 *
 * hello, prove, claim: the old one knows who it is, and refuses a second takeover.
 * begin: changes wait, new connections stay with the old one whoever binds the ports.
 * switch: the old one gives away what changes by itself, and the paths of its sockets.
 * taken: the old one is old from now on. Until then, whatever happens to the new one, it goes on.
 * steered: new connections reach the new one; the old one accepts what is still on its way, and leaves.
 */
import type { Json } from "../../config/document/json.ts";
import type { RuntimeLevel } from "../../config/schema_runtime.ts";
import type {
  EndReason,
  KickTarget,
  MovedAccount,
} from "../../port/messages.ts";
import type { SocketAddress } from "../../port/snapshot.ts";
import type { SessionFilter, SessionView } from "../api.ts";
import type { SavedLeg } from "../breakers.ts";
import type { SavedFailures } from "../limits.ts";

/** The command of the runtime socket after which both sides speak in messages, and what it is answered. */
export const TAKEOVER_COMMAND = "takeover";
export const TAKEOVER_ACCEPTED = "takeover accepted";

/** Another number where an old process would misunderstand a new one. */
export const TAKEOVER_VERSION = 1;

/** A port that goes from one process to the other, and how many of the old one's sockets share it. */
export interface SharedPort {
  readonly address: SocketAddress;
  readonly sockets: number;
}

/** A process that has been taken over from and has sessions still; `socket` is where it answers. */
export interface OldProcess {
  readonly pid: number;
  readonly socket: string;
}

/** What was set at run time, as it is kept in the state folder. */
export type SavedOverrides = readonly Json[];

/** What the new process needs to become ready. */
export interface Inheritance {
  readonly pid: number;
  /** Addresses of the configuration, by listener and text, and where they are bound. */
  readonly binds: readonly (readonly [key: string, SocketAddress])[];
  readonly admin: { readonly bind: string; readonly port: number } | null;
  readonly ports: readonly SharedPort[];
  /** The configuration in force, secrets included, where it is not what the file says. */
  readonly changed: { readonly document: Json } | null;
  readonly overrides: SavedOverrides;
  readonly old: readonly OldProcess[];
}

/** What changes by itself, as of the moment when the old process lets go of it. */
export interface Estate {
  readonly breakers: readonly SavedLeg[];
  readonly holds: readonly {
    readonly identifier: string;
    /** Milliseconds. */
    readonly remaining: number;
  }[];
  readonly failures: SavedFailures;
}

/** A request of the management API that reached the process that no longer answers it. */
export interface CarriedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Base64. */
  readonly body: string;
  /** The client's address. */
  readonly peer: string;
}

export interface CarriedResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Base64. */
  readonly body: string;
}

/** A command of the runtime socket that reached the process that no longer does it. */
export interface CarriedCommand {
  readonly words: readonly string[];
  readonly payload: string | null;
  readonly level: RuntimeLevel;
  /** The socket that it came in by, as `show cli sockets` names it. */
  readonly address: string;
}

/** What the new process asks of an old one. */
export interface OldRequests {
  /** Answers the path of a file that only the same user can read. */
  hello: { in: { version: number; pid: number }; out: { proof: string } };
  /** With the content of that file. */
  prove: { in: { proof: string }; out: null };
  claim: { in: null; out: null };
  begin: { in: null; out: Inheritance };
  switch: { in: null; out: Estate };
  taken: { in: null; out: null };
  /** To a process that was taken over from before: from now on lookups are asked here. */
  adopt: { in: null; out: null };
  /** These accounts, or all (null). */
  invalidate: { in: { identifiers: readonly string[] | null }; out: null };
  kick: { in: { target: KickTarget; reason: EndReason }; out: number };
  /** See WorkerRequests. */
  evict: { in: { moved: readonly MovedAccount[] }; out: number[] };
  hold: { in: { identifier: string; seconds: number }; out: null };
  sessions: { in: SessionFilter; out: readonly SessionView[] };
}

/** What the new process tells an old one. */
export interface OldNotices {
  /** Why it will not take over after all. */
  failed: { readonly reason: string };
  steered: null;
}

/** What an old process asks of the one that took over. */
export interface NewRequests {
  /** What the store says of an account. */
  lookup: { in: { identifier: string }; out: string | null };
  request: { in: CarriedRequest; out: CarriedResponse };
  command: { in: CarriedCommand; out: string };
}

/** What an old process tells the one that took over. */
export interface NewNotices {
  /** Its connections by listener. */
  counts: Readonly<Record<string, number>>;
  /** It has closed its sockets on the shared ports. */
  left: null;
}
