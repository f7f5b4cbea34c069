import { createActivityBuffer } from "../../../lib/activity-buffer.ts";
import type { ActivityBuffer } from "../../../lib/activity-buffer.ts";
import { StoreUnavailableError } from "../../capsule/store.ts";
import { createAccessService } from "../create-access-service.ts";
import type { Principal } from "../principal.ts";
import type { AccessService, NewKey } from "../service.ts";
import type { AccessStore, KeyRecord, TeamRecord } from "../store.ts";

/** An access service over a store in memory, with a clock that only the test moves. */
export interface AccessWorld {
  readonly service: AccessService;
  readonly store: MemoryAccessStore;
  readonly clock: { now: number };
  readonly keyUse: ActivityBuffer;
  /** The first team's admin and the text of its key. */
  readonly first: { readonly principal: Principal; readonly key: NewKey };
}

export class MemoryAccessStore implements AccessStore {
  readonly teams: TeamRecord[] = [];
  keys: KeyRecord[] = [];
  /** Looks for a key so far. */
  looks = 0;
  isDown = false;
  /** When set, every look waits for it after it has read. */
  gate: Promise<void> | undefined;

  async insertTeam(team: TeamRecord, key: KeyRecord): Promise<boolean> {
    this.#check();
    if (this.teams.some((other) => other.slug === team.slug || (other.isFirst && team.isFirst))) return false;
    this.teams.push(team);
    this.keys.push(key);
    return true;
  }
  async listTeams(teamId: string | null): Promise<readonly TeamRecord[]> {
    return this.teams.filter((team) => teamId === null || team.id === teamId);
  }
  async findTeam(id: string): Promise<TeamRecord | undefined> {
    return this.teams.find((team) => team.id === id);
  }
  async countTeams(): Promise<number> {
    this.#check();
    return this.teams.length;
  }
  async insertKey(key: KeyRecord, keysMax: number): Promise<boolean> {
    if (this.keys.filter((other) => other.teamId === key.teamId).length >= keysMax) return false;
    this.keys.push(key);
    return true;
  }
  async listKeys(teamId: string): Promise<readonly KeyRecord[]> {
    return this.keys.filter((key) => key.teamId === teamId);
  }
  async findKeyByHash(hash: string): Promise<{ readonly key: KeyRecord; readonly team: TeamRecord } | undefined> {
    this.looks += 1;
    const isDown = this.isDown;
    const key = this.keys.find((each) => each.hash === hash);
    const team = this.teams.find((each) => each.id === key?.teamId);
    await this.gate;
    if (isDown) throw new StoreUnavailableError("down");
    return key === undefined || team === undefined ? undefined : { key, team };
  }
  async removeKey(teamId: string, keyId: string): Promise<"removed" | "absent" | "last_admin"> {
    const own = this.keys.filter((key) => key.teamId === teamId);
    const admins = own.filter((key) => key.role === "admin");
    if (!own.some((key) => key.id === keyId)) return "absent";
    if (admins.length === 1 && admins[0]?.id === keyId) return "last_admin";
    this.keys = this.keys.filter((key) => key.id !== keyId);
    return "removed";
  }
  async recordKeyUse(): Promise<void> {}
  #check(): void {
    if (this.isDown) throw new StoreUnavailableError("down");
  }
}

export async function createAccessWorld(): Promise<AccessWorld> {
  const store = new MemoryAccessStore();
  const clock = { now: 1_000_000 };
  const keyUse = createActivityBuffer({ entriesMax: 100, batchMax: 100, flush: async () => {} });
  let made = 0;
  const service = createAccessService({
    store,
    keyUse,
    clock: { now: () => clock.now },
    ids: {
      next: (prefix) => `${prefix}-${String((made += 1)).padStart(25, "0")}`,
      hex: (bytes) => String((made += 1)).padStart(bytes * 2, "0"),
    },
    hash: { sha256Hex: (text) => `hash of ${text}` },
  });
  const key = await service.ensureFirstTeam();
  const [team] = store.teams;
  if (key === undefined || team === undefined) throw new Error("the first team was not made");
  return {
    service,
    store,
    clock,
    keyUse,
    first: { key, principal: { keyId: key.record.id, teamId: team.id, role: "admin", isFirstTeam: true } },
  };
}
