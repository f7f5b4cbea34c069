import assert from "node:assert/strict";
import { ERRORS } from "@capsuled/contract";
import type { ErrorCode } from "@capsuled/contract";
import { errorOf } from "./call.ts";
import { readState } from "./state.ts";

/** What differs from a plain POST. */
type FileRequestInit = Omit<RequestInit, "headers"> & { readonly headers?: Readonly<Record<string, string>>; readonly duplex?: "half" };

/** A request about a capsule's files, its answer not yet read. */
export function fileRequest(capsuleId: string, operation: string, init: FileRequestInit = {}): Promise<Response> {
  const { url, adminKey } = readState();
  return fetch(`${url}/v1/capsules/${capsuleId}/files/${operation}`, {
    method: "POST",
    ...init,
    headers: { "x-api-key": adminKey, ...init.headers },
  });
}

export function postJson(
  capsuleId: string,
  operation: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fileRequest(capsuleId, operation, { body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
}

/** Uploads as the documented client does: the part `path`, then the part `file`. */
export async function upload(capsuleId: string, path: string, bytes: string | Uint8Array<ArrayBuffer>, operation = "write"): Promise<void> {
  const form = new FormData();
  form.set("path", path);
  form.set("file", new Blob([bytes], { type: "application/octet-stream" }), "upload");
  const response = await fileRequest(capsuleId, operation, { body: form });
  assert.equal(response.status, 204, await response.text());
}

/** The bytes of a file. */
export async function download(capsuleId: string, path: string): Promise<Buffer> {
  const response = await postJson(capsuleId, "read", { path });
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(response.status, 200, bytes.toString().slice(0, 500));
  return bytes;
}

/** The answer must be this error. */
export async function expectProblem(response: Response | Promise<Response>, code: ErrorCode): Promise<string> {
  const answer = await response;
  const text = await answer.text();
  assert.equal(answer.status, ERRORS[code].status, text);
  const error = errorOf(JSON.parse(text));
  assert.equal(error.code, code, text);
  return error.message;
}
