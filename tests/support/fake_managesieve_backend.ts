/** A ManageSieve server in this process that answers what the test says, and remembers what it was told. */
import { FakeServer } from "./fake_server.ts";
import { saslCredentials, type SeenCredentials } from "./seen_credentials.ts";
import { Wire } from "./wire.ts";

/** What a backend does instead of its proper answer: these bytes, then the end, silence or nothing else. */
export interface SieveFault {
  readonly send?: string;
  readonly then: "close" | "hang" | "go on";
}

export type SieveStage = "greeting" | "xclient" | "auth";

export class FakeManageSieveBackend extends FakeServer {
  readonly commands: string[] = [];
  readonly credentials: SeenCredentials[] = [];
  /** May be changed while running. */
  faults: Partial<Record<SieveStage, SieveFault>> = {};

  constructor(readonly name: string) {
    super({});
  }

  protected async serve(conn: Deno.Conn): Promise<void> {
    using wire = new Wire(conn);
    await this.#dialogue(wire).catch(() => {});
  }

  async #dialogue(wire: Wire): Promise<void> {
    if (await this.#fault("greeting", wire)) return;
    await wire.send('"SASL" "PLAIN"\r\n"XCLIENT"\r\nOK "ready"\r\n');
    for (let line; (line = await wire.readLine()) !== null;) {
      this.commands.push(line);
      const verb = line.split(" ")[0];
      if (verb === "XCLIENT") {
        if (await this.#fault("xclient", wire)) return;
        if (!this.faults.xclient) await wire.send("OK\r\n");
      } else if (verb === "AUTHENTICATE") {
        const [, mechanism = "", response = ""] =
          /^AUTHENTICATE "(\S+)" "(\S+)"$/.exec(line) ?? [];
        this.credentials.push(saslCredentials(mechanism, response));
        if (await this.#fault("auth", wire)) return;
        await wire.send("OK\r\n");
      } else await wire.send(`OK "${this.name}"\r\n`);
    }
  }

  /** True when the stage ends the connection. */
  async #fault(stage: SieveStage, wire: Wire): Promise<boolean> {
    const fault = this.faults[stage];
    if (fault === undefined) return false;
    if (fault.send !== undefined) await wire.send(fault.send);
    if (fault.then === "go on") return false;
    if (fault.then === "hang") await wire.drain();
    return true;
  }
}
