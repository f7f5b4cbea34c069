import { z } from "zod";

/** Why a watch has ended. */
export const WATCH_ENDS = ["removed", "capsule_stopped", "capsule_destroyed", "watch_limit", "lost"] as const;
export type WatchEnd = (typeof WATCH_ENDS)[number];

const seq = z.int().describe("Dense from 1 in one watch.");

const changed = {
  path: z.string().describe("Absolute."),
  path_base64: z.string().optional().describe("The path itself where it is no UTF-8; `path` then has U+FFFD in it."),
  directory: z.boolean().describe("Whether it is one."),
  seq,
};

/** What a watch tells, over a WebSocket and as Server-Sent Events alike. */
export const watchMessage = z
  .discriminatedUnion("type", [
    z
      .object({ type: z.literal("watching"), directories: z.int().describe("That are watched."), seq })
      .describe("The first message: every change after it is told."),
    z
      .object({ type: z.literal("created"), ...changed })
      .describe(
        "Made, moved here from elsewhere, or put in the place of what was there. In a directory that appears, what is in it is told too, at times twice.",
      ),
    z.object({ type: z.literal("modified"), ...changed }).describe("Its bytes were written, in place."),
    z.object({ type: z.literal("removed"), ...changed }).describe("Removed, or moved elsewhere."),
    z
      .object({
        type: z.literal("renamed"),
        ...changed,
        from: z.string().describe("Where it was."),
        from_base64: z.string().optional(),
      })
      .describe("Both places are watched. With a directory goes all that is in it."),
    z.object({ type: z.literal("attributes_changed"), ...changed }).describe("Its mode, owner, times or count of links."),
    z
      .object({ type: z.literal("overflow"), seq })
      .describe("Changes are missing here: there were more than the reader took. List the directory anew."),
    z.object({ type: z.literal("paused"), seq }).describe("The capsule is paused; nothing changes until `resumed`."),
    z.object({ type: z.literal("resumed"), seq }),
    z
      .object({
        type: z.literal("ended"),
        reason: z
          .enum(WATCH_ENDS)
          .describe(
            "`removed`: the directory was removed or moved. `watch_limit`: a tree has grown beyond what one watch takes. `lost`: what watched in the capsule was killed, or the capsule failed.",
          ),
        seq,
      })
      .describe("The last message."),
    z.object({ type: z.literal("error"), data: z.string().describe("What happened, for people."), code: z.string() }),
  ])
  .meta({ id: "WatchMessage" });

export type WatchMessage = z.output<typeof watchMessage>;
