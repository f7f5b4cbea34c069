import { randomBytes } from "node:crypto";
import { posix } from "node:path";
import type { Duplex } from "node:stream";
import { AgentSession } from "./agent-session.ts";
import type { FakeDisk } from "./disk.ts";
import type { Program } from "./program.ts";
import type { Programs } from "./programs.ts";
import { ProcessLog } from "./process-log.ts";
import { FakeProcess } from "./process.ts";
import { ProcessTable } from "./process-table.ts";
import type { StartRequest } from "./requests.ts";
import { Refusal } from "./requests.ts";
import { Stopwatch } from "./stopwatch.ts";

/** Connections that an agent has at most. */
export const CONNECTIONS_MAX = 1024;

/** Moments at which a script may let an agent die. */
export const AGENT_MOMENTS = ["hello", "start", "started", "output", "exit"] as const;
export type AgentMoment = (typeof AGENT_MOMENTS)[number];

export interface AgentSettings {
  readonly capsuleId: string;
  readonly secret: string;
  readonly disk: FakeDisk;
  readonly programs: Programs;
  readonly journalBytes: number;
  /** Whether the agent dies now. */
  readonly diesAt: (moment: AgentMoment) => boolean;
  /** Told once when it has died by itself. */
  readonly onDeath: () => void;
  /** A process died for want of memory. */
  readonly onOomKill: () => void;
}

/** The agent's side of agent/PROTOCOL.md, PID 1 of a fake capsule: its processes, clocks and connections. */
export class FakeAgent {
  readonly settings: AgentSettings;
  readonly bootId = randomBytes(16).toString("hex");
  /** Runs the programs; the driver's pause freezes it. */
  readonly work = new Stopwatch();
  /** The agent's own timers; the protocol's `pause` freezes it. */
  readonly clock = new Stopwatch();
  readonly processes = new ProcessTable(this.clock);
  readonly log = new ProcessLog();
  readonly #sessions = new Set<AgentSession>();
  #activeAt = 0;
  #shuttingDown = false;
  #dead = false;

  constructor(settings: AgentSettings) {
    this.settings = settings;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Processes that count as activity while they run. */
  get busy(): number {
    return [...this.processes.live].filter((process) => process.request.busy).length;
  }

  get idleMs(): number {
    return this.busy > 0 ? 0 : Math.round(this.clock.now() - this.#activeAt);
  }

  touch(): void {
    this.#activeAt = this.clock.now();
  }

  accept(end: Duplex): void {
    if (this.#dead || this.#sessions.size >= CONNECTIONS_MAX) {
      end.destroy();
      return;
    }
    const session: AgentSession = new AgentSession(this, end, () => this.#sessions.delete(session));
    this.#sessions.add(session);
  }

  /** Begins a process. Throws `Refusal`. */
  start(request: StartRequest): FakeProcess {
    if (this.#shuttingDown) throw new Refusal("shutting_down", "the capsule is stopping");
    if (this.processes.hasId(request.id)) throw new Refusal("bad_request", "this id was used before", "id");
    if (this.processes.hasTag(request.tag)) throw new Refusal("tag_in_use", "a live process has this tag", "tag");
    if (!this.settings.disk.hasDirectory(request.cwd)) throw new Refusal("cwd_not_found", `no directory ${request.cwd}`, "cwd");
    const program = this.#program(request);
    const { disk, journalBytes } = this.settings;
    const process = new FakeProcess(request, this.processes.takePid(), { work: this.work, clock: this.clock, disk, journalBytes });
    this.processes.add(process);
    process.onEnd(() => {
      this.touch();
      if (process.exit?.oom_kills === 1) this.settings.onOomKill();
    });
    this.log.watch(process);
    this.work.after(0, () => void process.run(program));
    return process;
  }

  /** Ends every process; resolves with how many there were. */
  shutdown(reason: "capsule_stopped" | "capsule_destroyed", graceMs: number): Promise<number> {
    this.#shuttingDown = true;
    const live = [...this.processes.live];
    const ended = live.map((process) => new Promise<void>((resolve) => process.onEnd(resolve)));
    for (const process of live) process.terminate(reason, graceMs);
    return Promise.all(ended).then(() => live.length);
  }

  /** Dies if the script says so at this moment. */
  diesAt(moment: AgentMoment): boolean {
    if (this.#dead || !this.settings.diesAt(moment)) return this.#dead;
    this.die();
    this.settings.onDeath();
    return true;
  }

  /** Everything ends at once and nobody is told: its processes, timers and connections. */
  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.work.close();
    this.clock.close();
    for (const process of this.processes.live) process.vanish();
    for (const session of this.#sessions) session.destroy();
  }

  #program(request: StartRequest): Program {
    const { disk, programs } = this.settings;
    const name = /^\/(usr\/(local\/)?)?s?bin\/([^/]+)$/.exec(request.cmd)?.[3] ?? request.cmd;
    const program = programs.get(name);
    if (program !== undefined) return program;
    const path = posix.resolve(request.cwd, request.cmd);
    if (request.cmd.includes("/") && (disk.hasFile(path) || disk.hasDirectory(path)))
      throw new Refusal("not_executable", `${request.cmd} cannot be executed`, "cmd");
    throw new Refusal("not_found", `${request.cmd} was not found`, "cmd");
  }
}
