import type { Driver, Handle } from "../../core/ports/driver.ts";
import type { Capsule } from "./capsule.ts";
import { EVENT_MS } from "./capsule.ts";
import type { ConformanceWorld } from "./world.ts";

/** Milliseconds in which nothing must happen. */
export const QUIET_MS = 250;

/** For what must not happen there is no event to await. */
export const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, QUIET_MS));

/** The promise's value, or a failure when it takes too long. */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${EVENT_MS} ms`)), EVENT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A program that prints numbers, one each 10 ms, and what it has printed so far. */
export async function counting(capsule: Capsule): Promise<{ readonly seen: () => number; readonly next: () => Promise<void> }> {
  const line = Array.from({ length: 2000 }, (_, n) => `echo ${n}; sleep 0.01`).join("; ");
  const stream = await capsule.open("sh", ["-c", line]);
  let seen = 0;
  let wake = (): void => undefined;
  stream.onEvent((event) => {
    if (event.kind === "stdout") seen += event.bytes.length;
    wake();
  });
  const next = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing was printed within ${EVENT_MS} ms`)), EVENT_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  await next();
  return { seen: () => seen, next };
}

/** Freezes as core does: the agent's clocks first. */
export async function freeze(world: ConformanceWorld, capsule: Capsule): Promise<void> {
  await capsule.link.pause();
  await world.driver.pause(capsule.handle);
}

export async function thaw(world: ConformanceWorld, capsule: Capsule): Promise<void> {
  await world.driver.resume(capsule.handle);
  await capsule.link.resume();
}

/** Resolves when `onGone` was called; `count` is how often so far. */
export function watchEnd(
  driver: Driver,
  handle: Handle,
): { readonly stop: () => void; readonly gone: Promise<void>; readonly count: () => number } {
  let count = 0;
  let tell = (): void => undefined;
  const gone = new Promise<void>((resolve) => (tell = resolve));
  const stop = driver.watch(handle, () => {
    count += 1;
    tell();
  });
  return { stop, gone, count: () => count };
}
