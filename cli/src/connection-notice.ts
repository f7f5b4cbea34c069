const ESCAPE = "\u001b";
/** Milliseconds that a connection may be away before it is told. */
const QUIET_MS = 500;

const TEXT = "capsuled: the connection is gone; connecting again (Ctrl-] leaves)";

/**
 * One dim line below the cursor while a terminal's connection is away. It leaves cursor, colours and the typing where they were, and is
 * taken away when the connection is back.
 */
export class ConnectionNotice {
  readonly #process: { readonly stderr: Pick<NodeJS.WriteStream, "columns" | "write"> };
  #timer: NodeJS.Timeout | null = null;
  #isShown = false;

  constructor(process: { readonly stderr: Pick<NodeJS.WriteStream, "columns" | "write"> }) {
    this.#process = process;
  }

  /** What a terminal tells of its connection. */
  readonly changed = (isConnected: boolean): void => {
    if (isConnected) this.clear();
    else this.#timer ??= setTimeout(() => this.#show(), QUIET_MS);
  };

  /** Takes the line away; what is shown by then is a terminal's own again. */
  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#isShown) this.#process.stderr.write(`${ESCAPE}7${ESCAPE}[1B\r${ESCAPE}[2K${ESCAPE}8`);
    this.#isShown = false;
  }

  #show(): void {
    const { stderr } = this.#process;
    const text = TEXT.slice(0, Math.max(0, (stderr.columns || TEXT.length + 1) - 1));
    // Down and up again: on the last line that makes room below. Then there and back.
    stderr.write(`${ESCAPE}D${ESCAPE}[1A${ESCAPE}7${ESCAPE}[1B\r${ESCAPE}[2K${ESCAPE}[2m${text}${ESCAPE}[0m${ESCAPE}8`);
    this.#isShown = true;
  }
}
