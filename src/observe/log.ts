import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import type { LogLevel } from "../config/schema_server.ts";
import type { LogLine } from "../port/messages.ts";
import { formatJson, formatText, type TimedLine } from "./log_format.ts";
import { type LogTarget, LogWriter } from "./log_writer.ts";

const RANK: Readonly<Record<LogLevel, number>> = {
  error: 0,
  warn: 1,
  info: 2,
  debug: 3,
  trace: 4,
};

export interface LogOptions {
  readonly level: LogLevel;
  /** Left out: text where stderr is a terminal, else json. */
  readonly format?: "text" | "json";
  readonly target?: LogTarget;
}

/** The only writer of the process's log; made once, on the main thread. */
export class Log {
  readonly #logger = getLogger(["mailferry"]);
  readonly #writer: LogWriter;
  #level: LogLevel;
  /** Shown every line from "info" up as it is written, also where `level` leaves it out. */
  tap: (line: TimedLine) => void = () => {};

  constructor(options: LogOptions) {
    this.#level = options.level;
    const format = options.format ??
      (Deno.stderr.isTerminal() ? "text" : "json");
    const render = format === "text" ? formatText : formatJson;
    this.#writer = new LogWriter(
      options.target ?? Deno.stderr,
      (count) =>
        render({
          time: Date.now(),
          level: "error",
          event: "log_lines_lost",
          fields: { count },
        }),
    );
    const sink = (record: LogRecord) =>
      this.#writer.push(render(lineOf(record)));
    configureSync({
      reset: true,
      sinks: { stderr: sink },
      loggers: [
        { category: "mailferry", sinks: ["stderr"], lowestLevel: "trace" },
        // The library's own complaints, such as about a sink that throws.
        {
          category: ["logtape", "meta"],
          sinks: ["stderr"],
          lowestLevel: "warning",
        },
      ],
    });
  }

  get level(): LogLevel {
    return this.#level;
  }

  /** A reload may change it. */
  set level(level: LogLevel) {
    this.#level = level;
  }

  /** `event` is a fixed word; everything that varies is a field. */
  write({ level, event, fields }: LogLine): void {
    if (RANK[level] <= RANK.info) {
      this.tap({ time: Date.now(), level, event, fields });
    }
    if (RANK[level] > RANK[this.#level]) return;
    switch (level) {
      case "error":
        return this.#logger.error(event, fields);
      case "warn":
        return this.#logger.warn(event, fields);
      case "info":
        return this.#logger.info(event, fields);
      case "debug":
        return this.#logger.debug(event, fields);
      case "trace":
        return this.#logger.trace(event, fields);
    }
  }

  error(event: string, fields: LogLine["fields"] = {}): void {
    this.write({ level: "error", event, fields });
  }

  warn(event: string, fields: LogLine["fields"] = {}): void {
    this.write({ level: "warn", event, fields });
  }

  info(event: string, fields: LogLine["fields"] = {}): void {
    this.write({ level: "info", event, fields });
  }

  /** A batch from a worker. */
  logLines(lines: readonly LogLine[]): void {
    for (const line of lines) this.write(line);
  }

  /** Before the process ends: wait for what was logged, for a second at most. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }
}

function lineOf(record: LogRecord): TimedLine {
  const level = record.level === "warning"
    ? "warn"
    : record.level === "fatal"
    ? "error"
    : record.level;
  return {
    time: record.timestamp,
    level,
    event: record.message.join(""),
    fields: record.properties,
  };
}
