/** The process itself, for `show info`, `show activity`, `show env`. */

export interface WorkerActivity {
  readonly sessions: number;
  /** Loopback pairs of TLS splices that wait for their other end. */
  readonly pendingPairs: number;
  readonly routes: number;
  /** Bytes. */
  readonly heapUsed: number;
}

export interface ProcessView {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly hostname: string;
  readonly workers: number;
  readonly configGeneration: number;
  readonly stopping: boolean;
  /** Open files that the process may have; 0 where that is not known. */
  readonly openFiles: number;
  /** Bytes. */
  readonly memory: number;
}

export interface ProcessFacts {
  process(): ProcessView;
  /** One for each worker that answers. */
  activity(): Promise<readonly WorkerActivity[]>;
  /** Variables in the order of their names; the value is null where it could be a secret. */
  environment(): readonly (readonly [name: string, value: string | null])[];
}
