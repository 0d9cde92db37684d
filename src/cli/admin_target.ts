/** Where the management API is and how to be let in, from options, environment and configuration file. */
import { parse } from "smol-toml";
import { parseEndpoint } from "../config/scalars.ts";
import type { Env } from "../config/environment.ts";
import { whyUnreadable } from "../config/named_files.ts";
import { ROLES } from "../config/tokens.ts";
import { AUTHORITY_FILE, rootIn } from "../pki/local.ts";
import { CtlError, exits, type TextIo } from "./io.ts";

export interface AdminTarget {
  readonly hostname: string;
  readonly port: number;
  readonly token: string;
  /** The certificate that the API is configured with, when it is known. */
  readonly certPem: string | undefined;
  /** The root of the proxy's own authority, when it may be read. */
  readonly rootPem: string | undefined;
}

export interface TargetOptions {
  readonly config?: string;
  readonly address?: string;
}

/**
 * The file is read as plain TOML and only for what is needed here: `ctl` has to work while the rest
 * of it is broken, since it is what says so. Throws CtlError.
 */
export async function findAdmin(
  options: TargetOptions,
  env: Env,
  io: TextIo,
): Promise<AdminTarget> {
  const file = options.config ?? env("PROXY_CONFIG");
  const document = file ? await readDocument(file, io) : {};
  const admin = table(document["admin"]);
  const address = options.address ?? string(admin["bind"]);
  if (address === undefined) {
    throw new CtlError(
      exits.usage,
      file
        ? `${file} has no [admin] bind: give --address`
        : "give --config FILE or --address HOST:PORT (or set PROXY_CONFIG)",
    );
  }
  const token = env("PROXY_ADMIN_TOKEN") || await readToken(admin, io);
  if (!token) {
    throw new CtlError(
      exits.usage,
      "no token: set PROXY_ADMIN_TOKEN, or give the --config that has it",
    );
  }
  const certPem = await readCertificate(document, io);
  const rootPem = await readRoot(document, io);
  return { ...parseAddress(address), token, certPem, rootPem };
}

/** A configuration file as plain TOML. Throws CtlError. */
export async function readDocument(file: string, io: TextIo) {
  const text = await io.readFile(file).catch((error) => {
    const reason = whyUnreadable(error);
    throw new CtlError(exits.usage, `cannot read ${file}: ${reason}`);
  });
  try {
    return parse(text.replace(/^\ufeff/, "")) as Record<string, unknown>;
  } catch {
    throw new CtlError(
      exits.usage,
      `${file} is not TOML: mailferry check ${file} says where`,
    );
  }
}

/** Everything after the last colon is the port; the host may be a name here. */
function parseAddress(address: string): { hostname: string; port: number } {
  const endpoint = parseEndpoint(address);
  const [, name, port] = /^([A-Za-z0-9.-]+):(\d{1,5})$/.exec(address) ?? [];
  const hostname = endpoint?.hostname ?? name;
  if (hostname === undefined) {
    throw new CtlError(exits.usage, `${address} is not HOST:PORT`);
  }
  // A wildcard is for binding: the API then answers on loopback too.
  const local = { "0.0.0.0": "127.0.0.1", "::": "::1" }[hostname];
  return {
    hostname: local ?? hostname,
    port: endpoint?.port ?? Number(port),
  };
}

/** The token of the table itself; without one, of `[[admin.token]]` the one that may do most and can be read. */
async function readToken(
  admin: Record<string, unknown>,
  io: TextIo,
): Promise<string | undefined> {
  const main = string(admin["bearer_token_file"]);
  const inline = string(admin["bearer_token"]);
  if (main === undefined && inline !== undefined) return inline;
  const others = list(admin["token"]).map(table).filter(({ file }) =>
    string(file) !== undefined
  );
  const files = main !== undefined
    ? [main]
    : ROLES.toReversed().flatMap((role) =>
      others.filter((other) => other["role"] === role)
    ).map(({ file }) => String(file));
  let failure: CtlError | undefined;
  for (const file of files) {
    try {
      return (await io.readFile(file)).trim();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failure ??= new CtlError(
        exits.usage,
        `cannot read the token in ${file}: ${reason}`,
      );
    }
  }
  if (failure) throw failure;
  return undefined;
}

/**
 * The certificate that clients without SNI get, as the API does: the only one, or the default. Of
 * several without a default none: the self-made one is served.
 */
async function readCertificate(
  document: Record<string, unknown>,
  io: TextIo,
): Promise<string | undefined> {
  const declared = table(table(document["tls"])["certificate"]);
  const all = Object.values(declared).map(table);
  const serving = all.find((entry) => entry["default"] === true) ??
    all.find(({ subjects }) =>
      Array.isArray(subjects) && subjects.includes("*")
    ) ??
    (all.length === 1 ? all[0] : undefined);
  const path = string(serving?.["cert"]);
  // Not every user of `ctl` may read it: the rules for an unknown certificate apply then.
  return path && await io.readFile(path).catch(() => undefined);
}

/** Only root and the proxy's own user may read it: others go by the rules for an unknown certificate. */
export async function readRoot(
  document: Record<string, unknown>,
  io: TextIo,
): Promise<string | undefined> {
  const folder = string(table(document["server"])["state_dir"]);
  if (folder === undefined) return undefined;
  const text = await io.readFile(`${folder}/${AUTHORITY_FILE}`)
    .catch(() => "");
  return rootIn(text) ?? undefined;
}

function table(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
