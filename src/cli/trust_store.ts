/** What a host trusts, where its distribution has a tool for additions. */

export interface TrustStore {
  readonly systems: string;
  /** Where additions are put; the distribution's package makes it. */
  readonly folder: string;
  /** Takes over what is in the folder, and what no longer is. */
  readonly tool: string;
}

export const TRUST_STORES: readonly TrustStore[] = [
  {
    systems: "Debian, Ubuntu",
    folder: "/usr/local/share/ca-certificates",
    tool: "update-ca-certificates",
  },
  {
    systems: "Fedora, RHEL",
    folder: "/etc/pki/ca-trust/source/anchors",
    tool: "update-ca-trust",
  },
];

/** What `trust` asks of the machine; tests give their own. */
export interface TrustHost {
  isRoot(): boolean;
  /** True when folder and tool are there. */
  has(store: TrustStore): Promise<boolean>;
  /** Null where there is no such file. */
  read(path: string): Promise<string | null>;
  write(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Null when it went well, else what it said. */
  run(tool: string): Promise<string | null>;
}

/** Where administrators' tools are, also where PATH does not say so. */
const TOOL_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The machine's own. */
export const processHost: TrustHost = {
  isRoot: () => Deno.uid() === 0,
  has: async ({ folder, tool }) =>
    await exists(folder) && await toolPath(tool) !== null,
  async read(path) {
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  },
  // Everybody's programs read it.
  write: (path, text) => Deno.writeTextFile(path, text, { mode: 0o644 }),
  remove: (path) => Deno.remove(path),
  async run(tool) {
    const { success, stderr } = await new Deno.Command(
      await toolPath(tool) ?? tool,
      { stdin: "null", stdout: "null", stderr: "piped" },
    ).output();
    const said = new TextDecoder().decode(stderr).trim();
    return success ? null : said || "failed";
  },
};

async function toolPath(tool: string): Promise<string | null> {
  for (const folder of TOOL_FOLDERS) {
    if (await exists(`${folder}/${tool}`)) return `${folder}/${tool}`;
  }
  return null;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
