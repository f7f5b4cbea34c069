import { expectCall } from "./call.ts";
import { newCapsule } from "./capsule.ts";

/** Removes what a broken earlier run left and uses the server once, so that later comparisons see what stays, not what begins. */
export async function warmUp(): Promise<void> {
  const left = await expectCall("listCapsules", 200);
  if (Array.isArray(left)) for (const { id } of left) await expectCall("destroyCapsule", 204, { params: { id } });
  await using capsule = await newCapsule();
  await capsule.sh("true");
}
