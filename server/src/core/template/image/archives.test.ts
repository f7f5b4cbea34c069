import assert from "node:assert/strict";
import test from "node:test";
import type { Principal } from "../../access/principal.ts";
import { CapsuledError } from "../../fail.ts";
import type { ImageUploads } from "../../ports/image-uploads.ts";
import type { ImageLibrary } from "../../ports/images.ts";
import type { ArchiveService } from "./archives.ts";
import { createArchiveService } from "./archives.ts";

const ID = `im-${"1".repeat(25)}`;

function serviceWith(library: ImageLibrary, hasPlace = true): { readonly service: ArchiveService; readonly kept: Set<string> } {
  const kept = new Set<string>();
  const uploads: ImageUploads = {
    save() {
      if (!hasPlace) return Promise.resolve(null);
      kept.add(ID);
      return Promise.resolve({ id: ID, path: "/absent", sizeBytes: 1, usedAt: 0 });
    },
    find: () => Promise.resolve(undefined),
    remove: (_, id) => Promise.resolve(kept.delete(id)),
    removeUnused: () => Promise.resolve(0),
  };
  return { service: createArchiveService({ uploads, library, clock: { now: () => 0 } }), kept };
}

const principal: Principal = { keyId: "key-a", teamId: `team-${"a".repeat(25)}`, role: "member", isFirstTeam: false };
async function* nothing(): AsyncGenerator<Uint8Array> {}
const isRefused = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof CapsuledError && error.code === code && text.test(error.message);

test("an archive that takes too long to look through is refused as such, and not kept", async (t) => {
  const over = new AbortController();
  const timeout = t.mock.method(AbortSignal, "timeout", () => over.signal);
  const looking = Promise.withResolvers<void>();
  const library: ImageLibrary = {
    open: (_, __, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        looking.resolve();
      }),
  };
  const { service, kept } = serviceWith(library);
  const uploading = service.upload(principal, nothing());
  await looking.promise;
  assert.deepEqual([...kept], [ID]);
  over.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  await assert.rejects(uploading, isRefused("invalid_request", /more than 60 s to look through/));
  assert.deepEqual(timeout.mock.calls[0]?.arguments, [60_000]);
  assert.equal(kept.size, 0);
});

test("a team that has as many archives as it may is told how many that are", async () => {
  const { service } = serviceWith({ open: () => Promise.reject(new Error("nothing is looked at")) }, false);
  await assert.rejects(service.upload(principal, nothing()), isRefused("quota_exceeded", /has 4 archives already/));
});
