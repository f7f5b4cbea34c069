import { z } from "zod";
import type { AgentLink, ProcessEnd } from "../../ports/agent-link.ts";
import type { Ids } from "../../ports/clock.ts";
import type { ImageWork, OpenImage } from "../../ports/images.ts";
import { ImageError } from "../../ports/images.ts";
import type { Fed } from "./feed.ts";
import { feedProcess } from "./feed.ts";

/** Milliseconds that one layer may take. */
export const LAYER_MS = 600_000;
/** The name, at the top of the unpacking capsule's disk, of the directory that becomes the image's root. */
export const IMAGE_DIRECTORY = "image";

/** What the program says that unpacks a layer. */
const done = z.object({ entries: z.int(), bytes: z.int(), devices: z.int(), foreign: z.int() });
/** Its exit code where it refuses the layer, and says why. */
const REFUSED = 3;

const MIB = 1024 * 1024;

/** Unpacks all layers into `/image` of the capsule behind the link, one over the other. Throws `ImageError`. */
export async function unpackLayers(
  link: AgentLink,
  program: string,
  image: OpenImage,
  ids: Pick<Ids, "next">,
  diskMb: number,
  { signal, onLine }: ImageWork,
): Promise<void> {
  if (image.layers.length === 0) throw new ImageError("bad_image", "The image has no layers.");
  for (const [index, layer] of image.layers.entries()) {
    onLine(`layer ${index + 1} of ${image.layers.length}: ${(layer.sizeBytes / MIB).toFixed(1)} MiB to transfer`);
    const spec = {
      id: ids.next("pr"),
      cmd: "/usr/bin/python3",
      args: ["-I", "-c", program, `/${IMAGE_DIRECTORY}`],
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" },
      cwd: "/",
      tag: "",
      stdin: true,
      timeoutMs: LAYER_MS,
      foreground: true,
      busy: false,
      onDisconnect: "kill" as const,
    };
    const fed = await feedProcess(link, spec, layer.read(signal), signal);
    if (fed.end.exitCode !== 0) throw refusal(fed, diskMb);
    const { entries, bytes, devices, foreign } = done.parse(JSON.parse(fed.stdout));
    onLine(
      `layer ${index + 1} of ${image.layers.length}: ${entries} entries, ${(bytes / MIB).toFixed(1)} MiB of files${left(devices, foreign)}`,
    );
  }
}

function left(devices: number, foreign: number): string {
  const devicesText = devices === 0 ? "" : `, ${devices} device files left out`;
  return `${devicesText}${foreign === 0 ? "" : `, ${foreign} entries of owners beyond 65535 given to nobody`}`;
}

function refusal({ end, stderr }: Fed, diskMb: number): ImageError {
  const said = stderr.trim().split("\n").at(-1)?.slice(0, 500) ?? "";
  if (end.exitCode === REFUSED && /No space left|Disk quota exceeded/.test(said))
    return new ImageError("too_big", `The image does not fit into its disk of ${diskMb} MiB; give it a larger disk_mb.`);
  if (end.exitCode === REFUSED) return new ImageError("bad_image", `The image is refused: ${said}.`);
  return abnormal(end);
}

function abnormal(end: ProcessEnd): ImageError {
  if (end.reason === "timed_out") return new ImageError("timed_out", `A layer took more than ${LAYER_MS / 1000} s to unpack.`);
  if (end.reason === "oom_killed") return new ImageError("too_big", "A layer takes more memory to unpack than there is.");
  return new ImageError("bad_image", `A layer cannot be unpacked: its unpacking ended with ${end.reason}, code ${end.exitCode}.`);
}
