/** `mailferry trust`: have this host, or others, trust the root of the proxy's own authority. */
import { configPathOf, type Env } from "../config/environment.ts";
import { readTrustRoots } from "../net/trust_roots.ts";
import { certificateDer, readCertificate, sha256Of } from "../net/x509.ts";
import { commonNames } from "../net/x509_names.ts";
import { rootIn } from "../pki/local.ts";
import { request } from "./admin_client.ts";
import {
  type AdminTarget,
  findAdmin,
  readDocument,
  readRoot,
} from "./admin_target.ts";
import { CtlError, type ExitCode, exits, type TextIo } from "./io.ts";
import {
  TRUST_STORES,
  type TrustHost,
  type TrustStore,
} from "./trust_store.ts";

const USAGE =
  `usage: mailferry trust [--config FILE | --ca FILE] [--install | --uninstall]

Prints the root certificate of the proxy's own authority, and how to have other programs trust it.
It is read from the state directory, or asked of the running proxy.

  --config FILE  configuration file (default: PROXY_CONFIG)
  --ca FILE      the root certificate, or a chain with it, as GET /pki/ca/local/certificates gives it
  --install      have this host trust it; needs root and the tool of Debian or Fedora
  --uninstall    take that back
`;

interface Root {
  readonly pem: string;
  readonly commonName: string;
  readonly notAfter: Date;
  /** SHA-256, lower-case hexadecimal. */
  readonly sha256: string;
  /** Its name in a trust store; of two authorities on one host they differ. */
  readonly fileName: string;
}

/** Runs the command, `args` being what stands behind `trust`. Answers the exit code. */
export async function runTrust(
  args: readonly string[],
  env: Env,
  io: TextIo,
  host: TrustHost,
): Promise<ExitCode> {
  try {
    const options = parseOptions(args);
    if (options.has("help")) {
      io.out(USAGE);
      return exits.ok;
    }
    const root = describe(await findRoot(options, env, io));
    if (options.has("install")) return await install(root, io, host);
    if (options.has("uninstall")) return await uninstall(root, io, host);
    io.out(instructions(root));
    return exits.ok;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    io.err(`mailferry trust: ${message}\n`);
    return error instanceof CtlError ? error.exit : exits.refused;
  }
}

function parseOptions(args: readonly string[]): Map<string, string> {
  const options = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [, name = "", inline] = /^--([a-z]+)(?:=([^]*))?$/.exec(args[i]!) ??
      [];
    if (args[i] === "-h" || name === "help") options.set("help", "");
    else if (name === "config" || name === "ca") {
      const value = inline ?? args[++i];
      if (!value) throw usage(`--${name} needs a value`);
      options.set(name, value);
    } else if (
      (name === "install" || name === "uninstall") && inline === undefined
    ) options.set(name, "");
    else throw usage(`unexpected argument ${args[i]}`);
  }
  for (const [a, b] of [["config", "ca"], ["install", "uninstall"]] as const) {
    if (options.has(a) && options.has(b)) {
      throw usage(`--${a} and --${b} exclude each other`);
    }
  }
  return options;
}

/** The root's certificate in PEM. */
async function findRoot(
  options: ReadonlyMap<string, string>,
  env: Env,
  io: TextIo,
): Promise<string> {
  const ca = options.get("ca");
  if (ca !== undefined) {
    const text = await io.readFile(ca).catch((error: Error) => {
      throw usage(`cannot read ${ca}: ${error.message}`);
    });
    return rootOf(text, ca);
  }
  const config = configPathOf(options.get("config"), env);
  if (config === undefined) {
    throw usage("give --config FILE or --ca FILE (or set PROXY_CONFIG)");
  }
  const kept = await readRoot(await readDocument(config, io), io);
  if (kept !== undefined) return kept;
  const target = await findAdmin({ config }, env, io);
  // Any user of this host may listen on the address while the proxy does not.
  if (options.has("install") && target.certPem === undefined) {
    throw new CtlError(
      exits.refused,
      "cannot tell that it is the proxy that is asked: the root is installed from [server] state_dir, where that can be read, or --ca FILE",
    );
  }
  return await askProxy(target, env);
}

/** Whoever may not read the state directory, and who has none, asks the proxy, which makes it where there is none yet. */
async function askProxy(
  target: AdminTarget,
  env: Env,
): Promise<string> {
  const answer = await request(
    target,
    { insecure: false, caPem: undefined, hostRoots: readTrustRoots(env) },
    { method: "GET", path: "/pki/ca/local/certificates" },
  );
  if (answer.status === 200) return rootOf(answer.body, "the answer");
  throw new CtlError(exits.refused, answer.body.trimEnd());
}

function rootOf(text: string, where: string): string {
  const root = rootIn(text);
  if (root !== null) return root;
  throw new CtlError(
    exits.refused,
    `${where} has no root certificate (PEM, signed by itself)`,
  );
}

function describe(pem: string): Root {
  const der = certificateDer(pem);
  const { subject, notAfter } = readCertificate(der);
  const sha256 = sha256Of(der);
  return {
    pem,
    commonName: commonNames(subject)[0] ?? "",
    notAfter,
    sha256,
    fileName: `mailferry-${sha256.slice(0, 12)}.crt`,
  };
}

function instructions(root: Root): string {
  const stores = TRUST_STORES.map(({ systems, folder, tool }) =>
    `${systems}: save it as ${folder}/${root.fileName}, then run\n  ${tool}\n`
  );
  return [
    `${root.commonName}\n`,
    `until   ${root.notAfter.toISOString().slice(0, 10)}\n`,
    `SHA-256 ${root.sha256}\n\n`,
    `${root.pem}\n`,
    "As root, to have all programs of a host trust it:\n\n",
    ...stores.map((text) => `${text}\n`),
    `macOS: save it as ${root.fileName}, then run\n`,
    "  security add-trusted-cert -d -r trustRoot \\\n",
    `    -k /Library/Keychains/System.keychain ${root.fileName}\n\n`,
    "mailferry trust --install does it on this host. Programs with a trust store of their own, such as\n",
    "Firefox and Java, have to be told by themselves; curl takes the file by --cacert.\n",
  ].join("");
}

async function install(
  root: Root,
  io: TextIo,
  host: TrustHost,
): Promise<ExitCode> {
  const { store, path } = await storeFor(root, host);
  const before = await host.read(path);
  await host.write(path, root.pem);
  const failure = await host.run(store.tool);
  if (failure !== null) {
    if (before === null) await host.remove(path);
    throw new CtlError(exits.refused, `${store.tool}: ${failure}`);
  }
  io.out(`${root.commonName} is trusted by this host: ${path}\n`);
  return exits.ok;
}

async function uninstall(
  root: Root,
  io: TextIo,
  host: TrustHost,
): Promise<ExitCode> {
  const { store, path } = await storeFor(root, host);
  if (await host.read(path) === null) {
    throw new CtlError(exits.notFound, `not installed: there is no ${path}`);
  }
  await host.remove(path);
  const failure = await host.run(store.tool);
  if (failure !== null) {
    throw new CtlError(exits.refused, `${store.tool}: ${failure}`);
  }
  io.out(`${root.commonName} is no longer trusted by this host\n`);
  return exits.ok;
}

async function storeFor(
  root: Root,
  host: TrustHost,
): Promise<{ store: TrustStore; path: string }> {
  if (!host.isRoot()) {
    throw new CtlError(
      exits.refused,
      "only root can change what this host trusts",
    );
  }
  for (const store of TRUST_STORES) {
    if (await host.has(store)) {
      return { store, path: `${store.folder}/${root.fileName}` };
    }
  }
  const tools = TRUST_STORES.map(({ tool }) => tool).join(" or ");
  throw new CtlError(
    exits.refused,
    `this host has no ${tools}: without --install the ways by hand are shown`,
  );
}

const usage = (message: string) => new CtlError(exits.usage, message);
