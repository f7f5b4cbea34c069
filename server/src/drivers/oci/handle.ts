import type { Handle } from "../../core/ports/driver.ts";

export const DRIVER_NAME = "oci";
const VERSION = 1;

/** What the driver remembers of a launched capsule. */
export interface OciHandle {
  readonly capsuleId: string;
  readonly pid: number;
  /** Clock ticks since the host's boot. */
  readonly startTime: number;
  /** The host's boot that it was launched in. */
  readonly boot: string;
}

export function createHandle(handle: OciHandle): Handle {
  return { driver: DRIVER_NAME, version: VERSION, data: { ...handle } };
}

/** Reads a handle that the store gave back; throws when another driver, or a later version, wrote it. */
export function readHandle(handle: Handle): OciHandle {
  const { capsuleId, pid, startTime, boot } = handle.data;
  if (
    handle.driver !== DRIVER_NAME ||
    handle.version !== VERSION ||
    typeof capsuleId !== "string" ||
    typeof pid !== "number" ||
    typeof startTime !== "number" ||
    typeof boot !== "string"
  ) {
    throw new Error(`This is not a handle of the ${DRIVER_NAME} driver, version ${VERSION}.`);
  }
  return { capsuleId, pid, startTime, boot };
}
