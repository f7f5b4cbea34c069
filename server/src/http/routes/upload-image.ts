import { json } from "../answer.ts";
import { bytesOf, takeUpload } from "../files/upload-body.ts";
import { timestamp } from "../render/time.ts";
import { route } from "../route.ts";

export const uploadImage = route("uploadImage", async ({ caller }, { archives }, exchange) => {
  const { id, digest, sizeBytes, expiresAt } = await takeUpload(exchange, (body) => archives.upload(caller, bytesOf(body)));
  return json(201, { id, digest, size_bytes: sizeBytes, expires_at: timestamp(expiresAt) });
});
