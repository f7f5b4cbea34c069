const ESCAPE = "\u001b";
/** Milliseconds that a connection may be away before it is told. */
const QUIET_MS = 500;

const GONE = "capsuled: the connection is gone; connecting again";
const BACK = "capsuled: the connection is back";

/** What the notice needs of a process. */
export interface NoticeProcess {
  readonly stderr: Pick<NodeJS.WriteStream, "columns" | "write"> & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Tells on standard error that the connection to the server is away: a line when it is lost, and one when it is back. Over a terminal
 * that shows a capsule's, it is one line below the cursor instead, which leaves cursor, colours and the typing where they were, and is
 * taken away when the connection is back.
 */
export class ConnectionNotice {
  readonly #process: NoticeProcess;
  readonly #isJson: boolean;
  #timer: NodeJS.Timeout | null = null;
  #shown: "line" | "below" | null = null;
  #isOverTerminal = false;

  /** `isJson`: whether the line is to be read by a program. */
  constructor(process: NoticeProcess, isJson = false) {
    this.#process = process;
    this.#isJson = isJson;
  }

  /** What the SDK tells of its connection. */
  readonly changed = (isConnected: boolean): void => {
    if (!isConnected) this.#timer ??= setTimeout(() => this.#show(), QUIET_MS).unref();
    else {
      if (this.#shown === "line") this.#say(BACK);
      this.clear();
    }
  };

  /** From now on this terminal shows a capsule's, until `clear`. */
  overTerminal(): void {
    this.clear();
    this.#isOverTerminal = true;
  }

  /** Takes the line below the cursor away; what is shown by then is a terminal's own again. */
  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#shown === "below") this.#process.stderr.write(`${ESCAPE}7${ESCAPE}[1B\r${ESCAPE}[2K${ESCAPE}8`);
    this.#shown = null;
  }

  /** The terminal is this program's own again. */
  leaveTerminal(): void {
    this.clear();
    this.#isOverTerminal = false;
  }

  #show(): void {
    if (this.#isOverTerminal) this.#drawBelow();
    else this.#say(GONE);
    this.#shown = this.#isOverTerminal ? "below" : "line";
  }

  #say(text: string): void {
    const { stderr, env } = this.#process;
    if (this.#isJson) stderr.write(`${JSON.stringify({ note: text.replace("capsuled: ", "") })}\n`);
    else if (stderr.isTTY !== true) stderr.write(`${text}\n`);
    else if ((env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb") stderr.write(`\r${text}\n`);
    // What shows progress there draws itself again on the next line.
    else stderr.write(`\r${ESCAPE}[K${ESCAPE}[2m${text}${ESCAPE}[0m\n`);
  }

  #drawBelow(): void {
    const { stderr } = this.#process;
    const whole = `${GONE} (Ctrl-] leaves)`;
    const text = whole.slice(0, Math.max(0, (stderr.columns || whole.length + 1) - 1));
    // Down and up again: on the last line that makes room below. Then there and back.
    stderr.write(`${ESCAPE}D${ESCAPE}[1A${ESCAPE}7${ESCAPE}[1B\r${ESCAPE}[2K${ESCAPE}[2m${text}${ESCAPE}[0m${ESCAPE}8`);
  }
}
