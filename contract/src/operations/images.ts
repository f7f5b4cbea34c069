import { z } from "zod";
import { defineOperation } from "../operation.ts";
import { uploadedImage } from "../schemas/image.ts";

const tag = "Templates";
const none = z.strictObject({});

export const uploadImage = defineOperation({
  id: "uploadImage",
  method: "POST",
  path: "/v1/images",
  tag,
  summary: "Upload an image archive",
  description:
    'The body is a tar archive as `docker save` writes it, or one of an OCI image layout, with one image; gzip and zstd are taken too. A template is built of it with `from: {"image": {"archive": id}}`. The same archive has the same id, so a repeat changes nothing.',
  auth: "member",
  idempotency: "idempotent",
  params: none,
  query: z.object({}),
  body: z.string().meta({ format: "binary" }),
  bodyForm: { form: "raw", types: ["application/x-tar", "application/gzip", "application/zstd", "application/octet-stream"] },
  answers: {
    201: {
      description: "It is kept for a while.",
      schema: uploadedImage,
      example: {
        id: "im-0c3n5yq1r9s8t7u6v5w4x3y2z",
        digest: `sha256:${"0".repeat(64)}`,
        size_bytes: 3_584_000,
        expires_at: "2026-01-01T01:00:00Z",
      },
    },
  },
  errors: ["invalid_request", "too_large", "quota_exceeded", "host_full", "unavailable"],
});

export const deleteImage = defineOperation({
  id: "deleteImage",
  method: "DELETE",
  path: "/v1/images/{id}",
  tag,
  summary: "Remove an image archive",
  description: "Templates that were built of it stay.",
  auth: "member",
  idempotency: "idempotent",
  params: z.object({ id: z.string().min(1).max(200).describe("The archive's id, `im-…`.") }),
  query: z.object({}),
  body: null,
  answers: { 204: { description: "It is removed.", schema: null } },
  errors: ["invalid_request", "not_found", "unavailable"],
});
