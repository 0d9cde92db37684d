import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { Bus } from "../../cluster/bus.ts";
import { openTransport } from "../../cluster/open.ts";
import type { Env } from "../../config/environment.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { readTrustRoots } from "../../net/trust_roots.ts";
import { systemClock } from "../../observe/clock.ts";
import { busHost } from "../cluster/bus_host.ts";
import type { Parts } from "../parts.ts";
import {
  type Coming,
  type Facility,
  type Prepared,
  unchanged,
} from "./facility.ts";

/** `[cluster]`: the connection to the other proxies. A server that is away is no reason to refuse it. */
export class ClusterFacility implements Facility {
  #config: ClusterConfig | undefined;
  #bus: Bus | null = null;
  /** Where the configuration gives none. */
  readonly #node = `${hostname()}-${crypto.randomUUID().slice(0, 8)}`;

  constructor(
    private readonly parts: Parts,
    private readonly env: Env,
    private readonly version: string,
  ) {}

  async prepare({ served: { config } }: Coming): Promise<Prepared> {
    const { cluster } = config;
    if (isDeepStrictEqual(cluster, this.#config)) return unchanged();
    const next = cluster ? await this.#open(cluster) : null;
    return {
      abort: () => {},
      commit: async () => {
        await this.#bus?.close();
        this.#config = cluster;
        this.#bus = next;
        this.parts.cluster.use(cluster?.bus ?? null, next);
        next?.start();
      },
    };
  }

  /** The others are told. */
  async close(): Promise<void> {
    const bus = this.#bus;
    this.#bus = null;
    this.parts.cluster.use(null, null);
    this.parts.cluster.pins.close();
    await bus?.close();
  }

  async #open(cluster: ClusterConfig): Promise<Bus> {
    const { prefix, node = this.#node } = cluster;
    const transport = await openTransport(
      cluster,
      () => readTrustRoots(this.env),
    );
    return new Bus(transport, busHost(this.parts, this.version), {
      prefix,
      node,
      clock: systemClock,
    });
  }
}
