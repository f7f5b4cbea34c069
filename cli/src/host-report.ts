import { execFile } from "node:child_process";

/** One thing that the server needs of its host, as it says it itself. */
export interface HostCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Whether no capsule can be launched without it. */
  readonly isRequired: boolean;
  readonly found: string;
  /** What to do; empty where it is ok. */
  readonly mend: string;
}

/** Milliseconds that the server may take to look at its host. */
const LOOK_MS = 60_000;

/** Asks the server's program what this host has; what it says instead, where that is no report (a setting that is wrong). */
export async function askHostReport(process: NodeJS.Process, program: string): Promise<readonly HostCheck[] | string> {
  const { stdout, stderr } = await new Promise<{ readonly stdout: string; readonly stderr: string }>((done) => {
    execFile(process.execPath, [program, "--check"], { env: process.env, timeout: LOOK_MS }, (_, out, err) =>
      done({ stdout: out, stderr: err }),
    );
  });
  return checksIn(stdout) ?? (stderr.trim() || "the server's program says nothing");
}

function checksIn(text: string): readonly HostCheck[] | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("checks" in value) || !Array.isArray(value.checks)) return null;
    const checks: readonly unknown[] = value.checks;
    return checks.filter(isCheck);
  } catch {
    return null;
  }
}

function isCheck(value: unknown): value is HostCheck {
  return (
    typeof value === "object" && value !== null && ["name", "found", "mend"].every((name) => typeof Reflect.get(value, name) === "string")
  );
}
