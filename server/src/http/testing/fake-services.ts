import { connect } from "node:net";
import type { Principal } from "../../core/access/principal.ts";
import type { AccessService, NewKey } from "../../core/access/service.ts";
import type { KeyRecord, TeamRecord } from "../../core/access/store.ts";
import { BuildLogReader } from "../../core/build/log-reader.ts";
import type { BuildRecord } from "../../core/build/record.ts";
import type { BuildService } from "../../core/build/service.ts";
import type { CapsuleRecord } from "../../core/capsule/record.ts";
import type { CapsuleService } from "../../core/capsule/service.ts";
import { EventSignal } from "../../core/event/event-signal.ts";
import { fail } from "../../core/fail.ts";
import type { UsageService } from "../../core/metrics/service.ts";
import type { ArchiveService } from "../../core/template/image/archives.ts";
import type { TemplateService, TemplateView } from "../../core/template/service.ts";
import type { PortService, PortTarget } from "../../core/port/service.ts";
import type { ProcessService, StreamTarget, TerminalTarget } from "../../core/process/service.ts";
import type { FileService } from "../../core/file/service.ts";
import { capsuleRecord as storedCapsule } from "../../store/testing/records.ts";
import { createFakeFiles } from "./fake-files.ts";
import { endOf, FakeStream } from "./fake-stream.ts";

export const IDS = {
  running: `cl-${"1".repeat(25)}`,
  paused: `cl-${"2".repeat(25)}`,
  absent: `cl-${"9".repeat(25)}`,
  team: `team-${"1".repeat(25)}`,
  otherTeam: `team-${"2".repeat(25)}`,
  key: `key-${"1".repeat(25)}`,
  build: `bd-${"1".repeat(25)}`,
} as const;

export const KEYS = {
  admin: `wrn_${"a".repeat(40)}`,
  member: `wrn_${"b".repeat(40)}`,
  other: `wrn_${"c".repeat(40)}`,
  slow: `wrn_${"d".repeat(40)}`,
} as const;

const PRINCIPALS: Readonly<Record<string, Principal>> = {
  [KEYS.admin]: { keyId: IDS.key, teamId: IDS.team, role: "admin", isFirstTeam: true },
  [KEYS.member]: { keyId: `key-${"2".repeat(25)}`, teamId: IDS.team, role: "member", isFirstTeam: true },
  [KEYS.other]: { keyId: `key-${"3".repeat(25)}`, teamId: IDS.otherTeam, role: "admin", isFirstTeam: false },
};

export function capsuleRecord(changes: Partial<CapsuleRecord> = {}): CapsuleRecord {
  const at = Date.UTC(2026, 10, 1, 10);
  return storedCapsule({
    id: IDS.running,
    teamId: IDS.team,
    state: "running",
    hasDisk: true,
    createdAt: at,
    stateChangedAt: at,
    egress: "allow",
    ...changes,
  });
}

const templateView: TemplateView = {
  name: "kept",
  type: "snapshot",
  isPlatform: false,
  vcpus: 1,
  memoryMb: 512,
  diskMb: 5120,
  sizeBytes: 4096,
  createdAt: 0,
  settings: null,
};
const buildRecord: BuildRecord = {
  id: IDS.build,
  teamId: IDS.team,
  hostId: "host-1",
  templateId: `tp-${"0".repeat(25)}`,
  name: "built",
  state: "building",
  step: 1,
  steps: 2,
  cachedSteps: 0,
  reason: null,
  message: null,
  failure: null,
  capsuleId: IDS.running,
  createdAt: 0,
  startedAt: 0,
  endedAt: null,
};
const keyRecord: KeyRecord = {
  id: IDS.key,
  teamId: IDS.team,
  name: "ci",
  role: "admin",
  hash: "0".repeat(64),
  prefix: "wrn_aaaaaa",
  createdAt: 0,
  lastUsedAt: null,
};
const teamRecord: TeamRecord = { id: IDS.team, name: "Builders", slug: "builders", isFirst: true, createdAt: 0 };
const newKey: NewKey = { record: keyRecord, text: KEYS.admin };

function ownedBuild(principal: Principal, id: string): BuildRecord {
  if (id !== buildRecord.id || principal.teamId !== buildRecord.teamId) throw fail("not_found", "There is no build with this id.");
  return buildRecord;
}

/** Services over two capsules of one team; a test replaces the methods that it scripts. */
export interface FakeServices {
  readonly capsules: { -readonly [K in keyof CapsuleService]: CapsuleService[K] };
  readonly usage: { -readonly [K in keyof UsageService]: UsageService[K] };
  readonly templates: { -readonly [K in keyof TemplateService]: TemplateService[K] };
  readonly builds: { -readonly [K in keyof BuildService]: BuildService[K] };
  readonly archives: ArchiveService;
  readonly processes: { -readonly [K in keyof ProcessService]: ProcessService[K] };
  /** Files that have been written, by their path; one is there from the beginning. */
  readonly written: Map<string, Buffer>;
  readonly files: { -readonly [K in keyof FileService]: FileService[K] };
  readonly ports: { -readonly [K in keyof PortService]: PortService[K] };
  /** Which port of this machine each port of a capsule is; the others refuse. */
  readonly listening: Map<number, number>;
  /** Ports that anybody may reach. */
  readonly publicPorts: Set<number>;
  /** Requests and sockets to ports that are open. */
  portsOpen(): number;
  readonly access: { -readonly [K in keyof AccessService]: AccessService[K] };
  /** The process behind every stream. */
  readonly stream: FakeStream;
  revoke(keyId: string): void;
  capsuleGone(): void;
}

export function createFakeServices(): FakeServices {
  const stream = new FakeStream();
  const revoked = new Set<(keyId: string) => void>();
  const gone = new Set<() => void>();
  const records = new Map([capsuleRecord(), capsuleRecord({ id: IDS.paused, state: "paused" })].map((record) => [record.id, record]));

  const owned = (principal: Principal, id: string): CapsuleRecord => {
    const record = records.get(id);
    if (record === undefined || record.teamId !== principal.teamId) throw fail("not_found", "There is no capsule with this id.");
    return record;
  };
  const running = (principal: Principal, id: string): CapsuleRecord => {
    const record = owned(principal, id);
    if (record.state !== "running") throw fail("invalid_state");
    return record;
  };
  const target: StreamTarget = { start: async () => stream };
  const terminal: TerminalTarget = {
    start: async () => ({ stream, showFrom: 0 }),
    connect: async () => ({ stream, showFrom: 0 }),
  };
  const written = new Map([["/root/hello.txt", Buffer.from("hello\n")]]);

  const listening = new Map<number, number>();
  const publicPorts = new Set<number>();
  let portsOpen = 0;
  let isGone = false;
  const targetOf = (capsuleId: string, port: number): PortTarget => ({
    capsuleId,
    port,
    dial: () =>
      new Promise((resolve, reject) => {
        const to = listening.get(port);
        if (to === undefined) return reject(fail("port_unavailable"));
        const socket = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true }, () => {
          socket.pause();
          resolve(socket);
        });
        socket.once("error", reject);
      }),
    isAlive: () => !isGone,
    begin() {
      portsOpen += 1;
      return () => void (portsOpen -= 1);
    },
  });
  const expiryOf = (token: string, capsuleId: string, port: number): number | undefined =>
    token === `token-${capsuleId}-${port}` ? Date.now() + 60_000 : undefined;

  return {
    stream,
    listening,
    publicPorts,
    portsOpen: () => portsOpen,
    ports: {
      open: async (principal, id, port) => targetOf(running(principal, id).id, port),
      openSigned: async (token, id, port) => {
        if (expiryOf(token, id, port) === undefined) throw fail("unauthorized");
        return targetOf(id, port);
      },
      sign: async (principal, id, port, ttlSec) => ({
        token: `token-${owned(principal, id).id}-${port}`,
        expiresAt: Date.now() + ttlSec * 1000,
      }),
      expiryOf,
      isPublic: (id, port) => id === IDS.running && publicPorts.has(port),
      openPublic: async (id, port) => targetOf(id, port),
      list: async (principal, id) => {
        running(principal, id);
        return [...listening.keys()].map((port) => ({ port, address: "127.0.0.1", pid: null, isPublic: publicPorts.has(port) }));
      },
      setPublic: async (principal, id, port, isPublic) => {
        owned(principal, id);
        if (isPublic) publicPorts.add(port);
        else publicPorts.delete(port);
      },
    },
    revoke: (keyId) => revoked.forEach((listener) => listener(keyId)),
    capsuleGone: () => {
      isGone = true;
      gone.forEach((listener) => listener());
    },
    capsules: {
      create: async (principal, input) => ({ record: capsuleRecord({ teamId: principal.teamId, template: input.template }), isNew: true }),
      get: async (principal, id) => owned(principal, id),
      findId: async (principal, name) => [...records.values()].find((one) => one.teamId === principal.teamId && one.name === name)?.id,
      list: async (principal) => ({
        items: [...records.values()].filter((record) => record.teamId === principal.teamId),
        nextCursor: null,
      }),
      pause: async (principal, id) => ({ ...running(principal, id), state: "paused" }),
      resume: async (principal, id) => {
        if (owned(principal, id).state !== "paused") throw fail("invalid_state");
        return { ...owned(principal, id), state: "running" };
      },
      stop: async (principal, id) => ({ ...running(principal, id), state: "stopped" }),
      start: async (principal, id) => {
        if (owned(principal, id).state !== "stopped") throw fail("invalid_state");
        return owned(principal, id);
      },
      destroy: async (principal, id) => void owned(principal, id),
      readNetwork: async (principal, id) => ({ egress: owned(principal, id).egress, facts: null }),
      setNetwork: async (principal, id, { egress }) => ({ ...owned(principal, id), egress }),
      ping: async (principal, id) => void running(principal, id),
    },
    usage: {
      capsule: async (principal, id) => {
        owned(principal, id);
        return [{ at: 1000, values: [12.5, 4096, -1] }];
      },
      team: () => {
        const one = { running: 1, vcpus: 1, memoryMb: 512 };
        return { current: one, peaks: one, series: [{ at: 1000, values: [1, 1, 512] }] };
      },
      days: async () => ({ first: 20_000, last: 20_000, days: [{ day: 20_000, capsuleMs: 1, vcpuMs: 90_000, memoryMbMs: 60_000 }] }),
    },
    templates: {
      snapshot: async (principal, input) => {
        owned(principal, input.capsule_id ?? IDS.running);
        return { ...templateView, name: input.name ?? templateView.name };
      },
      fork: async (principal, id, { count }) => {
        owned(principal, id);
        return Array.from({ length: count }, () => capsuleRecord());
      },
      list: async (_principal, type) => (type === null || type === "snapshot" ? [templateView] : []),
      remove: async (principal, name) => {
        if (name !== templateView.name || principal.teamId !== IDS.team) throw fail("not_found", "There is no template of that name.");
      },
    },
    builds: {
      start: async (_principal, { name }) => ({ ...buildRecord, name }),
      get: async (principal, id) => ownedBuild(principal, id),
      list: async ({ teamId }) => (teamId === IDS.team ? [buildRecord] : []),
      log: async (principal, id, after) => {
        const { id: owned } = ownedBuild(principal, id);
        if (after > 1) throw fail("invalid_offset");
        const entry = { type: "end", state: "ready", reason: null, message: null, error: null } as const;
        const readLog = async () => [{ seq: 1, entry }];
        return after === 1 ? null : new BuildLogReader({ readLog }, new EventSignal(), owned, after);
      },
      cancel: async (principal, id) => ({ ...ownedBuild(principal, id), state: "cancelled", reason: "cancelled", endedAt: 0 }),
    },
    archives: {
      async upload(_principal, source) {
        let sizeBytes = 0;
        for await (const piece of source) sizeBytes += piece.length;
        return { id: `im-${"0".repeat(25)}`, digest: `sha256:${"0".repeat(64)}`, sizeBytes, expiresAt: 3_600_000 };
      },
      remove: async (principal, id) => {
        if (id !== `im-${"0".repeat(25)}` || principal.teamId !== IDS.team) throw fail("not_found", "There is no archive with this id.");
      },
    },
    processes: {
      exec: async (principal, id, input) => {
        running(principal, id);
        if (input.background === true) return { kind: "background", started: stream.started };
        const stdout = Buffer.from(`${input.cmd}\n`);
        return { kind: "ended", end: endOf({ stdoutBytes: stdout.length }), stdout, stderr: new Uint8Array(0) };
      },
      prepareStream: async (principal, id) => (running(principal, id), target),
      prepareTerminal: async (principal, id) => (running(principal, id), terminal),
      attach: async (principal, id, selector) => {
        running(principal, id);
        if (selector !== "42" && selector !== stream.started.tag) throw fail("not_found", "There is no such process in this capsule.");
        return stream;
      },
      list: async (principal, id) => {
        running(principal, id);
        return [{ id: null, pid: 7, ppid: 1, tag: "", cmd: "sleep", args: ["60"], startedAt: 0 }];
      },
      get: async (principal, id, selector) => {
        const { teamId } = owned(principal, id);
        if (selector !== "42") throw fail("not_found", "There is no such process in this capsule.");
        return {
          capsuleId: id,
          teamId,
          id: stream.started.id,
          pid: 42,
          tag: "",
          cmd: "sleep",
          args: ["60"],
          startedAt: 0,
          endedAt: null,
          end: null,
        };
      },
      output: async (principal, id, selector, { from, limit }) => {
        owned(principal, id);
        if (selector !== "42") throw fail("not_found", "There is no such process in this capsule.");
        const bytes = Buffer.from("hello\n").subarray(from, from + limit);
        return { bytes, from, next: from + bytes.length, total: 6, ended: false };
      },
      kill: async (principal, id, selector) => {
        running(principal, id);
        if (selector !== "42") throw fail("not_found", "There is no such process in this capsule.");
      },
      onCapsuleGone: (_id, listener) => {
        gone.add(listener);
        return () => gone.delete(listener);
      },
    },
    written,
    files: createFakeFiles(written, (principal, id) => void running(principal, id)),
    access: {
      authenticate: (keyText) => (keyText === KEYS.slow ? Promise.resolve(PRINCIPALS[KEYS.member]) : PRINCIPALS[keyText]),
      listKeys: async () => [keyRecord],
      createKey: async () => newKey,
      revokeKey: async (principal, keyId) => {
        if (principal.teamId !== IDS.team || keyId !== IDS.key) throw fail("not_found", "There is no key with this id.");
      },
      listTeams: async () => [teamRecord],
      createTeam: async () => ({ team: teamRecord, key: newKey }),
      ensureFirstTeam: async () => undefined,
      onRevoked: (listener) => {
        revoked.add(listener);
        return () => revoked.delete(listener);
      },
    },
  };
}
