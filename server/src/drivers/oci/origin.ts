import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { TemplateMissingError } from "../../core/ports/driver.ts";
import type { Layout } from "./layout.ts";
import { isMissing } from "../../lib/node/missing.ts";

/** A snapshot's name in the store. What comes to the driver is checked against it before it becomes a path. */
const SNAPSHOT_ID = /^tp-[0-9a-z]{25}$/;

const origin = z.object({
  name: z.string(),
  build: z.string(),
  /** Bytes of the snapshot that the disk began with. */
  beganWith: z.int().default(0),
});

/** What lies under a disk: a build of a template. */
export type Origin = z.infer<typeof origin>;

/** `null` where there is none, or an empty one: a power cut leaves a file's name before its bytes. */
export function readOrigin(file: string): Origin | null {
  try {
    const text = readFileSync(file, "utf8");
    return text === "" ? null : origin.parse(JSON.parse(text));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

export function writeJson(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export interface SnapshotPaths {
  readonly id: string;
  /** A subvolume (where the store has them) with the capsule's upper directory as `u`. */
  readonly dir: string;
  /** What lies under it, and its size; written last, so a snapshot without it is half a one. */
  readonly facts: string;
  /** What the tree is called from when its removal begins. */
  readonly going: string;
}

/** @throws TemplateMissingError for anything that is not a snapshot's id, so that no caller's text becomes a path */
export function snapshotPaths({ snapshotsDir }: Layout, id: string): SnapshotPaths {
  if (!SNAPSHOT_ID.test(id)) throw new TemplateMissingError(`${JSON.stringify(id)} is not a snapshot's id.`);
  return { id, dir: join(snapshotsDir, id), facts: join(snapshotsDir, `${id}.json`), going: join(snapshotsDir, `.going-${id}`) };
}

const facts = z.object({ origin, sizeBytes: z.int() });
export type SnapshotFacts = z.infer<typeof facts>;

/** @throws TemplateMissingError when there is no whole snapshot of that id */
export function readSnapshot(layout: Layout, id: string): SnapshotFacts {
  try {
    return facts.parse(JSON.parse(readFileSync(snapshotPaths(layout, id).facts, "utf8")));
  } catch (error) {
    if (isMissing(error)) throw new TemplateMissingError("The template's snapshot is not on this host.", { cause: error });
    throw error;
  }
}

/** The id behind an entry of the store, whatever stage it is at; `null` for anything else. */
export function snapshotIdOf(entry: string): string | null {
  const id = entry.replace(/^\.going-/, "").replace(/\.json(\.new)?$/, "");
  return SNAPSHOT_ID.test(id) ? id : null;
}
