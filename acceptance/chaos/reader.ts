import { setTimeout as sleep } from "node:timers/promises";
import { serverMessage } from "@capsuled/contract";
import type { ServerMessage } from "@capsuled/contract";
import { WebSocket } from "ws";
import { property } from "../harness/call.ts";
import { readState } from "../harness/state.ts";
import { Unanswered } from "./ask.ts";
import type { StreamName } from "./content.ts";
import type { JobPlan, ReaderPlan } from "./plan.ts";
import { contentOf, producerCommand } from "./producer.ts";
import { StreamCheck } from "./stream-check.ts";
import type { Fate, World } from "./world.ts";

/** Milliseconds without any message, over all connections, after which a reader counts as stuck. */
const STUCK_MS = 120_000;
const AGAIN_MS = 40;

export type ExitMessage = Extract<ServerMessage, { type: "exit" }>;

/** What was read up to a record: the next record's number and each stream's offset there. */
export interface Point {
  readonly seq: number;
  readonly stdout: number;
  readonly stderr: number;
}

export interface ReaderSetup {
  readonly world: World;
  readonly who: string;
  readonly capsuleId: string;
  readonly fate: Fate;
  readonly job: JobPlan;
  readonly plan: ReaderPlan;
  /** What to attach to; `null` for the socket that starts the process. */
  readonly selector: string | null;
  readonly from: "start" | "now" | number;
  /** Offsets of the first bytes due; `null` where `from` does not tell. */
  readonly at: Readonly<Record<StreamName, number | null>>;
  readonly leavesAfter: number | null;
  /** The name of the `start` to send, where `selector` is `null`. */
  readonly startsAs: string | null;
  readonly onStart?: (started: { readonly id: string; readonly pid: number }) => void;
}

/** `cut`: the capsule ended under it. */
export type ReaderEnd = "exit" | "left" | "cut" | "failed";

/** Reads a process over sockets, one after the other, from the record after the last one it had, and compares every byte. */
export class Reader {
  readonly checks: Readonly<Record<StreamName, StreamCheck>>;
  readonly points: Point[] = [];
  exit: ExitMessage | null = null;
  readonly #setup: ReaderSetup;
  #selector: string | null;
  #keyTries = 0;
  #nextSeq: number | null;
  /** The first record of the latest connection. */
  #attachedAt = 0;
  #bytes = 0;
  #cuts: number[];
  #stalls: { readonly afterBytes: number; readonly ms: number }[];
  #sinceCut = 0;
  #hasLeft = false;
  #hasFailed = false;
  #progressAt = performance.now();

  constructor(setup: ReaderSetup) {
    const { job, world, at, plan, from } = setup;
    this.#setup = setup;
    this.#selector = setup.selector;
    this.#nextSeq = from === "start" ? 1 : from === "now" ? null : from;
    this.#cuts = [...plan.cuts];
    this.#stalls = [...plan.stalls].sort((a, b) => a.afterBytes - b.afterBytes);
    this.checks = {
      stdout: new StreamCheck(contentOf(world.seed, job, "stdout"), at.stdout),
      stderr: new StreamCheck(contentOf(world.seed, job, "stderr"), at.stderr),
    };
  }

  /** Until the process's end was read, or its plan lets it leave, or nothing more can come. */
  async run(): Promise<ReaderEnd> {
    const { world, who, fate } = this.#setup;
    for (;;) {
      if (world.broken.aborted) throw new Unanswered("the run is broken off");
      const wasOver = fate.isOver;
      const refused = await this.#connect();
      if (this.exit !== null) return this.#settle("exit");
      if (this.#hasLeft) return this.#settle("left");
      if (wasOver) return this.#settle("cut");
      if (this.#hasFailed || (refused !== undefined && !this.#mayPass(refused))) return this.#settle("failed");
      if (performance.now() - this.#progressAt > STUCK_MS) {
        world.ledger.answers.wrong += 1;
        world.ledger.find(who, "a reader hears nothing any more", { from: this.#nextSeq, refused });
        return this.#settle("failed");
      }
      await sleep(AGAIN_MS);
    }
  }

  /** One connection, from its opening to its close. Gives the HTTP answer where there was one in place of the upgrade. */
  async #connect(): Promise<{ readonly status: number; readonly body: string } | undefined> {
    const { url, adminKey } = readState();
    const { capsuleId, plan, world } = this.#setup;
    const base = `${url.replace("http", "ws")}/v1/capsules/${capsuleId}`;
    const query = `from=${this.#nextSeq ?? "now"}&encoding=${plan.encoding}`;
    const path = this.#selector === null ? "exec/stream" : `processes/${this.#selector}/stream?${query}`;
    const socket = new WebSocket(`${base}/${path}`, {
      headers: { "x-api-key": adminKey },
      perMessageDeflate: false,
      maxPayload: 64 * 1024 * 1024,
      handshakeTimeout: 20_000,
    });
    const leave = (): void => socket.terminate();
    world.broken.addEventListener("abort", leave);
    let refused: { status: number; body: string } | undefined;
    let isCut = false;
    this.#sinceCut = 0;
    await new Promise<void>((closed) => {
      socket.on("error", () => {}); // the close that follows tells
      socket.once("close", () => closed());
      socket.once("unexpected-response", (request, response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (body += chunk));
        response.on("error", () => closed());
        response.on("close", () => {
          if (response.complete) refused = { status: response.statusCode ?? 0, body };
          request.destroy();
          closed();
        });
      });
      socket.on("open", () => {
        if (this.#selector === null) socket.send(JSON.stringify(this.#startMessage()));
      });
      socket.on("message", (data) => {
        if (isCut || !Buffer.isBuffer(data)) return;
        isCut = this.#take(data.toString("utf8"), socket);
      });
    });
    world.broken.removeEventListener("abort", leave);
    return refused;
  }

  /** The name under which the process was started: a name that was refused for good is followed by another. */
  get startName(): string {
    const { startsAs, job } = this.#setup;
    const name = startsAs ?? job.key;
    return this.#keyTries === 0 ? name : `${name}.${this.#keyTries}`;
  }

  #startMessage(): unknown {
    const { job, plan, world } = this.#setup;
    return {
      type: "start",
      ...producerCommand(world.seed, job),
      ...(job.tag === null ? {} : { tag: job.tag }),
      encoding: plan.encoding,
      idempotency_key: `${world.runId}/${this.startName}`,
    };
  }

  /** Takes one message; answers whether the connection was cut for the plan's sake. */
  #take(text: string, socket: WebSocket): boolean {
    this.#progressAt = performance.now();
    const message: unknown = JSON.parse(text);
    const type = property(message, "type");
    if (type === "stdout" || type === "stderr") return this.#takeOutput(type, message, socket);
    const parsed = serverMessage.safeParse(message);
    if (!parsed.success) return this.#fail("a message against the contract", { text: text.slice(0, 300) }, socket);
    this.#takeOther(parsed.data);
    return false;
  }

  #takeOther(message: ServerMessage): void {
    switch (message.type) {
      case "start": {
        const isFirst = this.#selector === null;
        this.#selector ??= message.id;
        if (this.#nextSeq !== null && message.next_seq !== this.#nextSeq) {
          this.#setup.world.ledger.answers.wrong += 1;
          this.#setup.world.ledger.find(this.#setup.who, "attached at another record", { asked: this.#nextSeq, got: message.next_seq });
        }
        this.#attachedAt = message.next_seq;
        this.#nextSeq ??= message.next_seq;
        if (isFirst) this.#setup.onStart?.({ id: message.id, pid: message.pid });
        return;
      }
      case "gap":
        this.#setup.world.ledger.find(this.#setup.who, "a gap, though all is due", { ...message });
        this.checks.stdout.skip(message.stdout_bytes);
        this.checks.stderr.skip(message.stderr_bytes);
        this.#nextSeq = message.seq + 1;
        return;
      case "exit":
        this.exit = message;
        return;
      case "error":
        this.#setup.world.log.write(this.#setup.who, "error message", { code: message.code });
        if (this.#selector === null && this.#setup.onStart !== undefined && message.code === "invalid_state") this.#keyTries += 1;
        return;
      case "stdout":
      case "stderr":
      case "stdin_ack":
        return;
    }
  }

  #takeOutput(stream: StreamName, message: unknown, socket: WebSocket): boolean {
    const data = property(message, "data");
    const seq = property(message, "seq");
    const encoding = property(message, "encoding");
    const first = property(message, "first_seq") ?? seq;
    if (typeof data !== "string" || typeof seq !== "number" || typeof first !== "number")
      return this.#fail("an output message against the contract", { seq }, socket);
    if (encoding === "base64" && first !== this.#nextSeq)
      this.#setup.world.ledger.find(this.#setup.who, "a record out of order", { due: this.#nextSeq, got: first });
    const check = this.checks[stream];
    const before = check.seen;
    const wasFaultless = check.isFaultless;
    if (encoding === "base64") check.feed(Buffer.from(data, "base64"));
    else check.feedText(data);
    if (wasFaultless && !check.isFaultless) {
      const { lost, doubled, altered, at } = check;
      this.#setup.world.ledger.find(this.#setup.who, "wrong bytes", { stream, first, seq, due: this.#nextSeq, lost, doubled, altered, at });
    }
    this.#nextSeq = Math.max(this.#nextSeq ?? 0, seq + 1);
    const { stdout, stderr } = { stdout: this.checks.stdout.at, stderr: this.checks.stderr.at };
    if (stdout !== null && stderr !== null) this.points.push({ seq: this.#nextSeq, stdout, stderr });
    return this.#afterBytes(check.seen - before, socket);
  }

  /** Cuts, stalls and leaving, as planned. */
  #afterBytes(count: number, socket: WebSocket): boolean {
    const { world, who, leavesAfter } = this.#setup;
    this.#bytes += count;
    this.#sinceCut += count;
    if (leavesAfter !== null && this.#bytes >= leavesAfter) {
      this.#hasLeft = true;
      socket.terminate();
      return true;
    }
    const [cut] = this.#cuts;
    if (cut !== undefined && this.#sinceCut >= cut) {
      this.#cuts.shift();
      world.ledger.fault("sockets cut");
      world.log.write(who, "cuts its socket", { next: this.#nextSeq });
      socket.terminate();
      return true;
    }
    const [stall] = this.#stalls;
    if (stall !== undefined && this.#bytes >= stall.afterBytes) {
      this.#stalls.shift();
      world.ledger.fault("readers stalled");
      world.log.write(who, "takes nothing", { ms: stall.ms });
      socket.pause();
      setTimeout(() => socket.resume(), stall.ms);
    }
    return false;
  }

  #fail(what: string, facts: Readonly<Record<string, unknown>>, socket: WebSocket): true {
    const { world, who } = this.#setup;
    this.#hasFailed = true;
    world.ledger.answers.wrong += 1;
    world.ledger.find(who, what, facts);
    socket.terminate();
    return true;
  }

  /** Whether a refused upgrade is one that may pass: a server that dies, a capsule that is paused or about to end. */
  #mayPass({ status, body }: { readonly status: number; readonly body: string }): boolean {
    const { world, who, fate } = this.#setup;
    if (fate.doom !== null || status === 502 || status === 503 || status === 409) return true;
    world.ledger.find(who, "cannot attach any more", { status, body: body.slice(0, 300), from: this.#nextSeq, selector: this.#selector });
    world.ledger.answers.wrong += 1;
    return false;
  }

  /** Enters into the ledger what was due and what came. */
  #settle(end: ReaderEnd): ReaderEnd {
    const { ledger } = this.#setup.world;
    const { stdout, stderr } = this.checks;
    const { exit } = this;
    // Where both end in the middle of a character, what stands for standard output's has the number before the end's.
    const areBothCut = exit !== null && stdout.isCutAt(exit.stdout_bytes) && stderr.isCutAt(exit.stderr_bytes);
    for (const name of ["stdout", "stderr"] as const) {
      const check = this.checks[name];
      const total = this.exit?.[`${name}_bytes`];
      const wasFaultless = check.isFaultless;
      const isText = this.#setup.plan.encoding === "utf-8";
      const told = (exit?.seq ?? 0) - (isText && areBothCut && name === "stdout" ? 1 : 0);
      if (total !== undefined) check.end(total, isText, this.#attachedAt > told);
      if (wasFaultless && !check.isFaultless) {
        const { lost, doubled, altered, at } = check;
        ledger.find(this.#setup.who, "wrong bytes at the end", { stream: name, total, lost, doubled, altered, at });
      }
      const digest = this.exit?.[`${name}_sha256`];
      if (total !== undefined && check.isWhole && check.isFaultless && digest !== check.digest(total)) {
        ledger.exits.wrong += 1;
        ledger.find(this.#setup.who, "the digest of an end is not that of its stream", { stream: name, total, digest });
      }
      ledger.bytes.expected += check.due;
      ledger.bytes.lost += check.lost + check.altered;
      ledger.bytes.doubled += check.doubled;
    }
    return end;
  }
}
