import { pino } from "pino";
import type { DestinationStream } from "pino";
import type { Log } from "../core/ports/log.ts";
import { redact, redactText } from "./redact.ts";

export interface LoggerOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  /** Where lines of JSON go; standard output by default. */
  readonly destination?: DestinationStream;
}

/** The log as lines of JSON with `time` in ISO 8601. Everything passes through `redact`, messages too. */
export function createLogger(options: LoggerOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors are rendered by `redact`; pino's own serializer would add what is in them unseen.
      serializers: {},
    },
    options.destination ?? pino.destination({ fd: 1, sync: false }),
  );
  const write =
    (level: "debug" | "info" | "warn" | "error") =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      if (logger.isLevelEnabled(level)) logger[level](redact(fields), redactText(message));
    };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
