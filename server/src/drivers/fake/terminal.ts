import type { StdinQueue } from "./stdin-queue.ts";

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** Bytes of one line that has no end yet; what goes beyond is dropped, as the kernel does. */
const LINE_BYTES_MAX = 4095;
const KEYS = { interrupt: 0x03, end: 0x04, backspace: 0x7f, enter: 0x0d, newline: 0x0a } as const;

/** A terminal that is read by lines: it echoes what is typed, edits the line and knows ^C and ^D. Programs cannot make it raw. */
export class FakeTerminal {
  size: TerminalSize;
  readonly #stdin: StdinQueue;
  readonly #echo: (bytes: Buffer) => void;
  readonly #interrupt: () => void;
  #line: number[] = [];

  constructor(size: TerminalSize, stdin: StdinQueue, echo: (bytes: Buffer) => void, interrupt: () => void) {
    this.size = size;
    this.#stdin = stdin;
    this.#echo = echo;
    this.#interrupt = interrupt;
  }

  /** Types bytes. `false`: there is no room for a finished line, and it is dropped. */
  type(bytes: Buffer): boolean {
    let hasRoom = true;
    for (const key of bytes) hasRoom = this.#press(key) && hasRoom;
    return hasRoom;
  }

  /** What a program prints, as a terminal shows it. */
  shown(bytes: Buffer): Buffer {
    return Buffer.from(bytes.toString("latin1").replaceAll(/\r?\n/g, "\r\n"), "latin1");
  }

  #press(key: number): boolean {
    switch (key) {
      case KEYS.interrupt:
        this.#line = [];
        this.#echo(Buffer.from("^C\r\n"));
        this.#interrupt();
        return true;
      case KEYS.end:
        if (this.#line.length === 0) this.#stdin.close();
        return true;
      case KEYS.backspace:
        if (this.#line.pop() !== undefined) this.#echo(Buffer.from("\b \b"));
        return true;
      case KEYS.enter:
      case KEYS.newline: {
        this.#echo(Buffer.from("\r\n"));
        const line = Buffer.from([...this.#line, KEYS.newline]);
        this.#line = [];
        return this.#stdin.add(line);
      }
      default:
        if (this.#line.length >= LINE_BYTES_MAX) return true;
        this.#line.push(key);
        this.#echo(Buffer.from([key]));
        return true;
    }
  }
}
