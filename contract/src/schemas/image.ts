import { z } from "zod";
import { IMAGE_ID } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { defaulted, noNul, optional, timestamp } from "./text.ts";

const imageId = z.string().regex(IMAGE_ID, { error: "must be the id of an image archive, im-…" });
const secret = noNul(z.string().min(1).max(LIMITS.credentialCharsMax));

const useEntrypoint = defaulted(z.boolean(), false).describe(
  "Whether the image's entry point and command are the template's start command, where the recipe has none.",
);

/** Where an image is had from. */
export const imageFrom = z.union([
  z.strictObject({
    reference: z
      .string()
      .min(1)
      .max(LIMITS.imageReferenceCharsMax)
      .describe(
        "As with Docker: `alpine:3.20`, `ghcr.io/owner/name@sha256:…`. Registries are spoken to over TLS, on this machine without.",
      ),
    username: optional(secret).describe("For registries that want one; kept no longer than the build."),
    password: optional(secret),
    use_entrypoint: useEntrypoint,
  }),
  z.strictObject({ archive: imageId.describe("An image archive that was uploaded, by its id."), use_entrypoint: useEntrypoint }),
]);

export const uploadedImage = z
  .object({
    id: imageId.describe("Follows from the archive's content: the same archive has the same id."),
    digest: z.string().describe("Of the image in it, for this server's platform."),
    size_bytes: z.int(),
    expires_at: timestamp.describe("When it is removed; each use puts that off."),
  })
  .meta({ id: "UploadedImage" });
