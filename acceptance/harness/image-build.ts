import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { execFileSync } from "node:child_process";
import type { templateBuild } from "@capsuled/contract";
import type { z } from "zod";
import { expectCall } from "./call.ts";
import type { TestCapsule } from "./capsule.ts";
import { newCapsule } from "./capsule.ts";
import { readState } from "./state.ts";
import type { TarEntry } from "./tar.ts";
import { waitUntil } from "./wait.ts";

export type Build = z.output<typeof templateBuild>;

/** A template of an image, and its build, whatever came of it. */
export async function buildOf(image: unknown, more: Readonly<Record<string, unknown>> = {}): Promise<Build> {
  const name = `i-${randomBytes(6).toString("hex")}`;
  const { id } = await expectCall("createTemplate", 202, { body: { name, from: { image }, wait_ms: 30_000, ...more } });
  const ended = async (): Promise<Build | undefined> => {
    const build = await expectCall("getTemplateBuild", 200, { params: { id } });
    return build.ended_at === null ? undefined : build;
  };
  return waitUntil(ended, { what: "the build's end", timeoutMs: 120_000 });
}

/** A capsule of an image; the template goes with it. */
export async function capsuleOfImage(
  image: unknown,
  more: Readonly<Record<string, unknown>> = {},
): Promise<TestCapsule & { readonly build: Build }> {
  const build = await buildOf(image, more);
  if (build.state !== "ready") throw new Error(`the build ${build.state}: ${build.message ?? ""}`);
  const capsule = await newCapsule({ template: build.name });
  return {
    ...capsule,
    build,
    async [Symbol.asyncDispose]() {
      await capsule[Symbol.asyncDispose]();
      await expectCall("deleteSnapshot", 204, { params: { name: build.name } });
    },
  };
}

/** Sends an archive as it is. */
export async function sendArchive(archive: Buffer, key = readState().adminKey): Promise<Response> {
  return fetch(`${readState().url}/v1/images`, {
    method: "POST",
    headers: { "x-api-key": key, "content-type": "application/x-tar" },
    body: new Uint8Array(archive),
  });
}

/** Programs of this host with their libraries, for an image that can run them. */
export function programEntries(programs: readonly string[]): readonly TarEntry[] {
  const files = new Map<string, string>();
  for (const name of programs) {
    const found = ["/bin", "/usr/bin"].map((dir) => `${dir}/${name}`).find((path) => existsSync(path));
    if (found === undefined) throw new Error(`this host has no ${name}`);
    files.set(`bin/${name}`, found);
    for (const [, library = ""] of execFileSync("ldd", [found], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g))
      files.set(library.slice(1), library);
  }
  return [...files].map(([name, path]) => ({ name, mode: 0o755, content: readFileSync(realpathSync(path)) }));
}
