import type { FakeDisk } from "./disk.ts";

/** What a program of the fake driver sees of the world. Each promise rejects when the process is killed: let it through. */
export interface ProgramIo {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly pid: number;
  readonly disk: FakeDisk;
  /** Prints; waits while the journal is full and a reader has not caught up, and while the capsule is frozen. */
  write(kind: "stdout" | "stderr", bytes: string | Uint8Array): Promise<void>;
  /** The next bytes of stdin; `null` at its end. */
  read(): Promise<Uint8Array | null>;
  /** Unfrozen milliseconds. */
  sleep(ms: number): Promise<void>;
  /** SIGTERM does nothing from now on. */
  ignoreTerm(): void;
  /** ^C ends no more than the wait under way, by `Interrupted`. */
  catchInterrupt(): void;
  /** Its terminal, with the size that it has now. */
  readonly terminal: { readonly size: { readonly cols: number; readonly rows: number } } | null;
}

/** ^C was pressed while a program waited. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Runs to an exit code, 0 to 255. Throw `SignalDeath` to die by a signal. */
export type Program = (io: ProgramIo) => Promise<number>;

export const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGPIPE: 13, SIGTERM: 15 } as const;
export type SignalName = keyof typeof SIGNALS;

/** A program's own death by a signal; `oom` when the kernel would have done it for want of memory. */
export class SignalDeath extends Error {
  override readonly name = "SignalDeath";
  readonly signal: SignalName;
  readonly oom: boolean;
  constructor(signal: SignalName, oom = false) {
    super(`died by ${signal}`);
    this.signal = signal;
    this.oom = oom;
  }
}
