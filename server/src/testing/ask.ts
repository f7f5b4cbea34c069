import type { CapsuleRecord } from "../core/capsule/record.ts";
import type { CreateInput } from "../core/capsule/service.ts";
import type { EventRecord } from "../core/event/record.ts";
import type { AnswerForm, Intent } from "../core/idempotency/service.ts";
import type { ExecInput, ExecOutcome } from "../core/process/service.ts";
import type { World } from "./world.ts";

/** What callers ask for in tests of core, with everything left out that they do not care about. */
export const CREATE: CreateInput = {
  template: "minimal",
  vcpus: 1,
  memory_mb: 64,
  disk_mb: 64,
  timeout_sec: 0,
  timeout: undefined,
  envs: undefined,
  metadata: undefined,
  name: undefined,
  network: undefined,
  public_ports: undefined,
  auto_resume: false,
  wait_ms: 4000,
};

const EXEC: ExecInput = {
  cmd: "true",
  args: undefined,
  envs: undefined,
  cwd: undefined,
  tag: undefined,
  encoding: undefined,
  timeout: undefined,
  timeout_sec: undefined,
  background: undefined,
  busy: undefined,
  stdin: undefined,
  stdin_encoding: undefined,
};

export async function createCapsule(world: World, given: Partial<CreateInput> = {}): Promise<CapsuleRecord> {
  return (await world.capsules.create(world.principal, { ...CREATE, ...given })).record;
}

export function exec(world: World, id: string, given: Partial<ExecInput>, intent?: Intent): Promise<ExecOutcome> {
  return world.processes.exec(world.principal, id, { ...EXEC, ...given }, new AbortController().signal, intent);
}

/** Answers that are kept as they are, as JSON. */
export function jsonForm<T>(isT: (value: unknown) => value is T): AnswerForm<T> {
  return {
    render: (value) => JSON.stringify(value),
    parse(text) {
      const value: unknown = JSON.parse(text);
      if (!isT(value)) throw new Error("not what was kept");
      return value;
    },
  };
}

export const textForm: AnswerForm<string> = jsonForm((value) => typeof value === "string");

/** A team's events so far, oldest first. */
export function eventsOf(world: World, capsuleId: string | null = null): Promise<readonly EventRecord[]> {
  return world.eventStore.list({
    teamId: world.principal.teamId,
    capsuleId,
    type: null,
    above: 0,
    below: null,
    order: "asc",
    limit: 10_000,
  });
}

/** Resolves with a team's events once there is one that is looked for. */
export async function eventually(world: World, isIt: (event: EventRecord) => boolean): Promise<EventRecord> {
  const reader = await world.events.open(world.principal, { capsule: null, type: null, from: "start" });
  try {
    for (;;) {
      for (const item of await reader.next(10_000)) {
        if (item.kind === "idle") throw new Error("the event did not come within 10 s");
        if (item.kind === "event" && isIt(item.event)) return item.event;
      }
    }
  } finally {
    reader.close();
  }
}
