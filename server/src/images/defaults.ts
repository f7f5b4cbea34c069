import type { ImageDefaults } from "../core/ports/images.ts";
import { ImageError } from "../core/ports/images.ts";
import type { ImageConfig } from "./documents.ts";
import { IMAGE_LIMITS } from "./limits.ts";

/** What an image's configuration says of its processes. Throws `bad_image` for what no process could have. */
export function defaultsOf({ config }: ImageConfig): ImageDefaults {
  const given = config ?? {};
  const texts = [...(given.Env ?? []), ...(given.Entrypoint ?? []), ...(given.Cmd ?? []), given.User ?? "", given.WorkingDir ?? ""];
  if (texts.some((text) => text.includes("\0"))) throw new ImageError("bad_image", "The image's configuration has a NUL in a text.");
  if (texts.reduce((sum, text) => sum + text.length, 0) > IMAGE_LIMITS.textCharsMax)
    throw new ImageError("too_big", `The image's variables and commands have more than ${IMAGE_LIMITS.textCharsMax} characters.`);
  // A line without `=` sets nothing.
  const lines = (given.Env ?? []).filter((line) => line.includes("="));
  const pairs = lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const);
  const cwd = given.WorkingDir ?? "";
  return {
    envs: Object.fromEntries(pairs.filter(([name]) => name !== "")),
    user: given.User === undefined || given.User === null || given.User === "" ? null : given.User,
    // An image that names none means `/`: its relative paths are from there.
    cwd: cwd.startsWith("/") ? cwd : `/${cwd}`,
    entrypoint: given.Entrypoint ?? [],
    cmd: given.Cmd ?? [],
  };
}
