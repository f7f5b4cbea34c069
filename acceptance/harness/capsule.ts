import type { capsule as capsuleSchema, execResult, execStarted, processInfo } from "@capsuled/contract";
import type { z } from "zod";
import { expectCall } from "./call.ts";

export type Capsule = z.output<typeof capsuleSchema>;
export type ExecResult = z.output<typeof execResult>;
export type ExecStarted = z.output<typeof execStarted>;
export type ProcessInfo = z.output<typeof processInfo>;

/** A capsule for one test, destroyed at the end of its block: `await using capsule = await newCapsule()`. */
export interface TestCapsule extends AsyncDisposable {
  readonly id: string;
  readonly key: string | undefined;
  readonly created: Capsule;
  get(): Promise<Capsule>;
  /** Runs `sh -c script` to its end. */
  sh(script: string, options?: Readonly<Record<string, unknown>>): Promise<ExecResult>;
  /** Runs a python3 program to its end. */
  python(program: string, options?: Readonly<Record<string, unknown>>): Promise<ExecResult>;
  exec(body: Readonly<Record<string, unknown>>): Promise<ExecResult>;
  background(body: Readonly<Record<string, unknown>>): Promise<ExecStarted>;
  processes(): Promise<readonly ProcessInfo[]>;
  pause(): Promise<Capsule>;
  resume(): Promise<Capsule>;
}

/** Creates a capsule and expects it to be running. */
export async function newCapsule(body: Readonly<Record<string, unknown>> = {}, key?: string): Promise<TestCapsule> {
  const withKey = key === undefined ? {} : { key };
  const created = await expectCall("createCapsule", 201, { ...withKey, body: { wait_ms: 30_000, ...body } });
  if (created.status !== "running") throw new Error(`the capsule is ${created.status}: ${created.message ?? ""}`);
  return capsuleOf(created, key);
}

export function capsuleOf(created: Capsule, key?: string): TestCapsule {
  const { id } = created;
  const at = { ...(key === undefined ? {} : { key }), params: { id } };
  const exec = (body: Readonly<Record<string, unknown>>): Promise<ExecResult> => expectCall("exec", 200, { ...at, body });
  return {
    id,
    key,
    created,
    exec,
    get: () => expectCall("getCapsule", 200, at),
    sh: (script, options = {}) => exec({ cmd: "sh", args: ["-c", script], ...options }),
    python: (program, options = {}) => exec({ cmd: "python3", args: ["-c", program], ...options }),
    background: (body) => expectCall("exec", 202, { ...at, body: { ...body, background: true } }),
    processes: async () => (await expectCall("listProcesses", 200, at)).processes,
    pause: () => expectCall("pauseCapsule", 200, at),
    resume: () => expectCall("resumeCapsule", 200, at),
    async [Symbol.asyncDispose]() {
      await expectCall("destroyCapsule", 204, at);
    },
  };
}
