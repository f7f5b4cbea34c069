import type { CapsuleDeps } from "./deps.ts";
import { settleByMachine } from "./recover.ts";

/**
 * Ends a pause or a resume that nobody is at any more, since its outcome could not be stored: the capsule is what its machine is. The
 * connections to it go on.
 */
export async function settleChange(deps: CapsuleDeps, id: string): Promise<void> {
  await deps.acts.run(id, "settle", async () => {
    const record = await deps.store.find(id);
    const live = deps.live.get(id);
    if (record === undefined || record.handle === null || live === undefined) return;
    if (record.state !== "pausing" && record.state !== "resuming") return;
    const machine = await deps.driver.recover(record.handle);
    // One that has ended is lost, which the next look finds.
    if (machine !== "running" && machine !== "paused") return;
    if (machine === "running") await live.link.resume();
    deps.live.update(await settleByMachine(deps, record, record.handle, machine));
  });
}
