import { stateRefused } from "../capsule/change-state.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import type { CapsuleState } from "../capsule/state.ts";
import { CapsuledError, fail } from "../fail.ts";
import type { DriverSnapshots } from "../ports/driver.ts";
import { CopyFailedError, HandleGoneError, HostFullError } from "../ports/driver.ts";
import type { TemplateDeps } from "./deps.ts";

/** States in which a capsule has a machine whose disk can be copied. */
const WITH_MACHINE: readonly CapsuleState[] = ["running", "pausing", "paused", "resuming"];

/** The driver's power. Throws `invalid_state` where it has none. */
export function snapshotsOf(deps: Pick<TemplateDeps, "driver">): DriverSnapshots {
  const { snapshots } = deps.driver;
  if (snapshots === null) throw fail("invalid_state", "The driver of this capsule keeps no snapshots.");
  return snapshots;
}

/** Throws `invalid_state` for a capsule without a machine. */
export function requireMachine(record: CapsuleRecord, wanted: string): void {
  if (!WITH_MACHINE.includes(record.state) || record.handle === null) throw stateRefused("invalid_state", record, wanted);
}

/** Copies the disk as it is between two changes of the capsule: pauses, resumes and ends come before or after it. Resolves with its size, where that is wanted. */
export async function takeDisk(deps: TemplateDeps, capsuleId: string, id: string, wanted: string, sized = true): Promise<number> {
  const snapshots = snapshotsOf(deps);
  let sizeBytes = 0;
  await deps.acts.run(capsuleId, `snapshot ${id}`, async () => {
    const record = await deps.store.find(capsuleId);
    if (record === undefined) throw fail("not_found", "There is no capsule with this id.");
    requireMachine(record, wanted);
    if (record.handle === null) throw stateRefused("invalid_state", record, wanted);
    try {
      ({ sizeBytes } = await snapshots.take(record.handle, id, sized));
    } catch (error) {
      throw refusal(error, record, wanted);
    }
  });
  return sizeBytes;
}

/** What a caller hears of a copy that was not made. */
export function refusal(error: unknown, record: CapsuleRecord, wanted: string): Error {
  if (error instanceof CapsuledError) return error;
  if (error instanceof HostFullError) return fail("host_full", error.message, { details: { resource: error.resource }, cause: error });
  if (error instanceof HandleGoneError || (error instanceof CopyFailedError && error.cause instanceof HandleGoneError))
    return stateRefused("invalid_state", { ...record, state: "error" }, wanted);
  return fail("agent_error", "The capsule's disk could not be copied; it goes on as before.", { cause: error });
}
