import { hostTraces } from "../harness/host.ts";
import { expectCall } from "../harness/call.ts";
import { endServer } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";
import { unmountStore } from "../harness/unmount-store.ts";
import { isAlive } from "../harness/wait.ts";
import { startAnew } from "./server-under-test.ts";

/** Leaves nothing running whatever has happened: destroys all capsules, by a new server where the last one is dead, and ends the server. */
export async function clearUp(dataDir: string): Promise<void> {
  try {
    if (!isAlive(readState().pid)) await startAnew();
    const list = await expectCall("listCapsules", 200);
    if (Array.isArray(list)) for (const { id } of list) await expectCall("destroyCapsule", 204, { params: { id } });
    await endServer(readState().pid, "SIGTERM");
  } catch (error) {
    process.stderr.write(`chaos: could not clear up by the API: ${error instanceof Error ? error.message : String(error)}\n`);
    killAll(dataDir);
  }
  unmountStore(dataDir);
}

/** The last resort: the server and the processes of this data directory's capsules. */
function killAll(dataDir: string): void {
  const pids: number[] = [];
  try {
    pids.push(readState().pid);
    pids.push(...hostTraces(dataDir).processes.map((line) => Number(line.split(" ")[0])));
  } catch {
    // it never came so far that there is something to kill
  }
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
}
