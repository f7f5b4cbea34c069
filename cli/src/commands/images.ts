import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { schemas } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { eachOf } from "../each-of.ts";
import { ExitError, EXIT } from "../exit.ts";
import { progressText, withProgress } from "../progress.ts";
import { webStream } from "../web-stream.ts";

export const imagesUpload: Command = {
  name: "images upload",
  summary: "Upload an image archive, and say its id",
  usage: "FILE",
  arguments: [1, 1],
  examples: ["capsuled images upload image.tar", "docker save my/image | capsuled images upload -"],
  async run(context, given) {
    const uploaded = await uploadArchive(context, given.arguments[0] ?? "");
    context.show(uploaded, () => uploaded.id);
  },
};

export const imagesRm: Command = {
  name: "images rm",
  summary: "Remove an image archive; templates of it go on",
  usage: "IMAGE…",
  arguments: [1, 1000],
  examples: ["capsuled images rm im-…"],
  async run(context, given) {
    await eachOf(context, given.arguments, async (id) => {
      await context.client.images.delete(id);
      context.show({ id }, () => `${id} is removed`);
    });
  },
};

/** Uploads what `docker save` or an OCI layout's tar has; `-` is standard input. */
export async function uploadArchive(context: Context, file: string): Promise<schemas.UploadedImage> {
  let sent = 0;
  const { stdin } = context.process;
  const handle = file === "-" ? null : await open(file);
  try {
    const facts = await handle?.stat();
    if (facts?.isDirectory() === true) throw new ExitError(EXIT.failure, `${file} is a directory; an image archive is one file`);
    const total = facts?.size ?? null;
    const source = handle === null ? stdin : createReadStream("", { fd: handle.fd, autoClose: false });
    const archive = webStream(source, (bytes) => (sent += bytes));
    const told = (columns: number): string => progressText("uploading", sent, total, columns);
    return await withProgress(context, told, context.client.images.upload(archive));
  } finally {
    await handle?.close();
  }
}
