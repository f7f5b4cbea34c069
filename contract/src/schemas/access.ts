import { z } from "zod";
import { KEY_ID } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { noNul, optional, timestamp } from "./text.ts";

export const ROLES = ["admin", "member"] as const;
export type Role = (typeof ROLES)[number];

export const SLUG = /^[a-z][a-z0-9-]{2,38}$/;

const personText = noNul(z.string().trim().min(1).max(LIMITS.nameCharsMax));

export const apiKey = z
  .object({
    id: z.string().regex(KEY_ID),
    team_id: z.string(),
    name: z.string(),
    role: z.enum(ROLES),
    key_prefix: z.string().describe("The first ten characters of the key."),
    created_at: timestamp,
    last_used: timestamp.nullable().describe("Precise to about a minute."),
  })
  .meta({ id: "ApiKey" });

export const apiKeyCreated = apiKey.extend({ key: z.string().describe("The key itself: shown this once.") }).meta({ id: "ApiKeyCreated" });

export const apiKeyCreate = z
  .strictObject({
    name: optional(personText).describe("`Unnamed API key` by default."),
    role: z.enum(ROLES).default("member"),
  })
  .meta({ id: "ApiKeyCreate" });

export const team = z
  .object({ id: z.string(), name: z.string(), slug: z.string().regex(SLUG), created_at: timestamp })
  .meta({ id: "Team" });

export const teamCreate = z
  .strictObject({
    name: personText,
    slug: optional(z.string().regex(SLUG, { error: "must be 3 to 39 of a-z, 0-9 and -, a letter first" })).describe(
      "Made from the name by default.",
    ),
  })
  .meta({ id: "TeamCreate" });

export const teamCreated = z.object({ team, key: apiKeyCreated }).meta({ id: "TeamCreated" });

export const teamList = z.object({ teams: z.array(team) });
