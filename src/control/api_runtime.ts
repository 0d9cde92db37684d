/** All that commands of the runtime socket work on. A group of commands adds a facet of its own. */
import type { ControlPlane } from "./api.ts";
import type { JournalFacts } from "./api_journal.ts";
import type { Probes } from "./api_probe.ts";
import type { ProcessFacts } from "./api_process.ts";
import type { ServerControl } from "./api_servers.ts";
import type { SessionEndings } from "./api_sessions.ts";
import type { SslControl } from "./api_ssl.ts";
import type { TraceControl } from "./api_trace.ts";
import type { TrafficFacts } from "./api_traffic.ts";

export interface RuntimeControl {
  readonly plane: ControlPlane;
  readonly process: ProcessFacts;
  readonly traffic: TrafficFacts;
  readonly journal: JournalFacts;
  readonly sessions: SessionEndings;
  readonly probes: Probes;
  readonly servers: ServerControl;
  readonly ssl: SslControl;
  readonly traces: TraceControl;
  /** How an account appears where its name is not to be seen. */
  readonly shorten: (identifier: string) => string;
}
