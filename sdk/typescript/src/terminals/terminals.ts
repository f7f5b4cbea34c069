import type { TerminalStart } from "../contract/schemas.ts";
import { randomHex } from "../transport/bytes.ts";
import { jsonOf } from "../transport/encode.ts";
import type { NamesOf } from "../transport/options.ts";
import { requireKnown } from "../transport/options.ts";
import type { Transport } from "../transport/transport.ts";
import type { TerminalCallOptions } from "./terminal.ts";
import { Terminal } from "./terminal.ts";

/** What a terminal is opened with; every field has a default. */
export type TerminalOptions = Omit<TerminalStart, "type"> & TerminalCallOptions;

export interface ConnectTerminalOptions extends TerminalCallOptions {
  /** `scrollback`: the latest 256 KiB first, the default. `start`, `now`, or the number of a record: from there. */
  readonly from?: "scrollback" | "start" | "now" | number | undefined;
}

const OPEN_OPTIONS = {
  signal: true,
  onConnection: true,
  cmd: true,
  args: true,
  cols: true,
  rows: true,
  envs: true,
  cwd: true,
  user: true,
  tag: true,
  frames: true,
} as const satisfies NamesOf<TerminalOptions>;

const CONNECT_OPTIONS = { signal: true, onConnection: true, from: true } as const satisfies NamesOf<ConnectTerminalOptions>;

/** The terminals of a capsule: `capsule.pty`. */
export class Terminals {
  readonly #transport: Transport;
  readonly #capsuleId: string;

  constructor(transport: Transport, capsuleId: string) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
  }

  /** Opens a terminal, `/bin/bash` at 80 by 24 by default, and waits until it is there. */
  async open(options: TerminalOptions = {}): Promise<Terminal> {
    requireKnown(options, OPEN_OPTIONS);
    const { signal, onConnection, ...start } = options;
    // It is sent when a connection stands, where nobody could be told.
    jsonOf(start);
    const terminal = new Terminal(
      this.#transport,
      this.#capsuleId,
      { start: { ...start, tag: start.tag ?? `pty-${randomHex(6)}` } },
      { signal, onConnection },
    );
    await terminal.started;
    return terminal;
  }

  /** Connects to a terminal that is there, or has just ended: by its tag, its process's id, or its pid. */
  async connect(terminal: string | number, options: ConnectTerminalOptions = {}): Promise<Terminal> {
    requireKnown(options, CONNECT_OPTIONS);
    const source = { connect: String(terminal), from: options.from ?? "scrollback" } as const;
    const opened = new Terminal(this.#transport, this.#capsuleId, source, options);
    await opened.started;
    return opened;
  }
}
