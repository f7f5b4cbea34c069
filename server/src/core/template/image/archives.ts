import { LIMITS } from "@capsuled/contract";
import type { Principal } from "../../access/principal.ts";
import { fail, invalid } from "../../fail.ts";
import type { Clock } from "../../ports/clock.ts";
import { HostFullError } from "../../ports/driver.ts";
import type { ImageUploads, KeptArchive } from "../../ports/image-uploads.ts";
import type { ImageLibrary } from "../../ports/images.ts";
import { ImageError } from "../../ports/images.ts";

/** Milliseconds that an archive may take to be looked through. */
const LOOK_MS = 60_000;

/** An archive that was taken, and what is in it. */
export interface UploadedArchive {
  readonly id: string;
  readonly digest: string;
  readonly sizeBytes: number;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/** A team's image archives. Every call throws `CapsuledError`. */
export interface ArchiveService {
  upload(principal: Principal, source: AsyncIterable<Uint8Array>): Promise<UploadedArchive>;
  remove(principal: Principal, id: string): Promise<void>;
}

export interface ArchiveDeps {
  readonly uploads: ImageUploads;
  readonly library: ImageLibrary;
  readonly clock: Clock;
}

export function createArchiveService(deps: ArchiveDeps): ArchiveService {
  return {
    upload: (principal, source) => upload(deps, principal, source),
    async remove({ teamId }, id) {
      if (!(await deps.uploads.remove(teamId, id))) throw fail("not_found", "There is no archive with this id.");
    },
  };
}

/** Removes what nobody used for a while. */
export const removeUnusedArchives = ({ uploads, clock }: ArchiveDeps): Promise<number> =>
  uploads.removeUnused(clock.now() - LIMITS.imageArchiveSec * 1000);

/** Keeps an archive and looks whether it is one: who uploads it learns at once that it is none. */
async function upload(
  { uploads, library }: ArchiveDeps,
  { teamId }: Principal,
  source: AsyncIterable<Uint8Array>,
): Promise<UploadedArchive> {
  const kept = await uploads.save(teamId, source).catch((error: unknown) => {
    throw refusal(error);
  });
  if (kept === null)
    throw fail("quota_exceeded", `The team has ${LIMITS.imageArchivesMax} archives already: delete one, or wait until one expires.`, {
      details: { limit: LIMITS.imageArchivesMax },
    });
  const bounded = AbortSignal.timeout(LOOK_MS);
  try {
    const image = await library.open({ archivePath: kept.path }, null, bounded);
    await image.close();
    return uploaded(kept, image.digest);
  } catch (error) {
    await uploads.remove(teamId, kept.id);
    if (error === bounded.reason) throw invalid("archive", `It takes more than ${LOOK_MS / 1000} s to look through.`);
    throw refusal(error);
  }
}

function uploaded({ id, sizeBytes, usedAt }: KeptArchive, digest: string): UploadedArchive {
  return { id, digest, sizeBytes, expiresAt: usedAt + LIMITS.imageArchiveSec * 1000 };
}

function refusal(error: unknown): unknown {
  if (error instanceof HostFullError) return fail("host_full", error.message, { details: { resource: error.resource }, cause: error });
  if (!(error instanceof ImageError)) return error;
  return error.code === "too_big" ? fail("too_large", error.message, { cause: error }) : invalid("archive", error.message);
}
