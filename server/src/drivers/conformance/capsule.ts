import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { AgentLink, Collected, ProcessStream } from "../../core/ports/agent-link.ts";
import type { Driver, FoundCapsule, Handle, LaunchSpec } from "../../core/ports/driver.ts";
import type { ConformanceWorld } from "./world.ts";

export const MIB = 1024 * 1024;
/** Milliseconds that an awaited event may take before its test fails. */
export const EVENT_MS = 10_000;

/** A launched capsule of a test; it is destroyed at the end of the test's block. */
export interface Capsule extends AsyncDisposable {
  readonly id: string;
  readonly spec: LaunchSpec;
  readonly handle: Handle;
  readonly link: AgentLink;
  run(cmd: string, args?: readonly string[]): Promise<Collected>;
  /** What a shell line prints. */
  sh(line: string): Promise<string>;
  open(cmd: string, args: readonly string[]): Promise<ProcessStream>;
}

export const id = (prefix: string): string =>
  `${prefix}-${BigInt(`0x${randomBytes(16).toString("hex")}`)
    .toString(36)
    .padStart(25, "0")
    .slice(-25)}`;
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
export const never = (): AbortSignal => new AbortController().signal;

export function specOf(world: ConformanceWorld, change: Partial<LaunchSpec> = {}): LaunchSpec {
  const agentSecret = randomBytes(32).toString("hex");
  const plain = { capsuleId: id("cl"), template: world.template, vcpus: 1, memoryMb: 64, diskMb: 32, pidsMax: 64, hostname: "box" };
  return { ...plain, agentSecret, egress: "none", disk: "new", snapshotId: null, sourceId: null, previous: "agent_lost", ...change };
}

export async function launch(world: ConformanceWorld, change: Partial<LaunchSpec> = {}): Promise<Capsule> {
  const spec = specOf(world, change);
  return reach(world, spec, await world.driver.launch(spec, never()));
}

export function reach(world: ConformanceWorld, spec: LaunchSpec, handle: Handle, driver = world.driver): Capsule {
  const link = world.connect(spec.capsuleId, spec.agentSecret, () => driver.openAgent(handle));
  const start = (cmd: string, args: readonly string[]) => {
    const plain = { id: id("pr"), cmd, args, env: { PATH: "/usr/local/bin:/usr/bin:/bin" }, cwd: "/", tag: "", stdin: false };
    return { ...plain, timeoutMs: 0, foreground: true, busy: true, onDisconnect: "kill" } as const;
  };
  const run = (cmd: string, args: readonly string[] = []): Promise<Collected> =>
    link.run(start(cmd, args), null, MIB, AbortSignal.timeout(EVENT_MS));
  return {
    id: spec.capsuleId,
    spec,
    handle,
    link,
    run,
    async sh(line) {
      const { end, stdout, stderr } = await run("sh", ["-c", line]);
      assert.equal(end.exitCode, 0, `${line}: ${text(stderr)}`);
      return text(stdout);
    },
    open: (cmd, args) => link.open({ ...start(cmd, args), foreground: false, onDisconnect: "continue" }),
    async [Symbol.asyncDispose]() {
      link.close();
      await driver.destroy(spec.capsuleId);
    },
  };
}

export async function found(driver: Driver, capsuleId: string): Promise<readonly FoundCapsule["state"][]> {
  return (await driver.list()).filter((capsule) => capsule.capsuleId === capsuleId).map((capsule) => capsule.state);
}
