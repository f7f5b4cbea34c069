import { z } from "zod";
import { defineOperation } from "../operation.ts";
import { apiKey, apiKeyCreate, apiKeyCreated, teamCreate, teamCreated, teamList } from "../schemas/access.ts";
import { keyExample, teamExample } from "../examples.ts";

const none = z.object({});

export const listKeys = defineOperation({
  id: "listKeys",
  method: "GET",
  path: "/v1/api-keys",
  tag: "Keys and teams",
  summary: "List the team's API keys",
  auth: "member",
  idempotency: "safe",
  params: none,
  query: none,
  body: null,
  answers: { 200: { description: "Newest first; never the keys themselves.", schema: z.array(apiKey), example: [keyExample] } },
  errors: ["unavailable"],
});

export const createKey = defineOperation({
  id: "createKey",
  method: "POST",
  path: "/v1/api-keys",
  tag: "Keys and teams",
  summary: "Make an API key",
  auth: "admin",
  idempotency: "with_key",
  params: none,
  query: none,
  body: apiKeyCreate,
  bodyExample: { name: "ci", role: "member" },
  answers: {
    201: {
      description: "The key, shown this once.",
      schema: apiKeyCreated,
      example: { ...keyExample, key: `wrn_${"0123456789".repeat(4)}` },
    },
  },
  errors: ["invalid_request", "forbidden", "quota_exceeded", "unavailable"],
});

export const revokeKey = defineOperation({
  id: "revokeKey",
  method: "DELETE",
  path: "/v1/api-keys/{key_id}",
  tag: "Keys and teams",
  summary: "Revoke an API key",
  description: "It stops working within 5 s on every server. The team's last admin key cannot be revoked.",
  auth: "admin",
  idempotency: "idempotent",
  params: z.object({ key_id: z.string().min(1).max(200) }),
  query: none,
  body: null,
  answers: { 204: { description: "Revoked.", schema: null } },
  errors: ["forbidden", "not_found", "conflict", "unavailable"],
});

export const listTeams = defineOperation({
  id: "listTeams",
  method: "GET",
  path: "/v1/teams",
  tag: "Keys and teams",
  summary: "List teams: one's own; all of them for the first team's admin",
  auth: "member",
  idempotency: "safe",
  params: none,
  query: none,
  body: null,
  answers: { 200: { description: "Oldest first.", schema: teamList, example: { teams: [teamExample] } } },
  errors: ["unavailable"],
});

export const createTeam = defineOperation({
  id: "createTeam",
  method: "POST",
  path: "/v1/teams",
  tag: "Keys and teams",
  summary: "Make a team with its first admin key",
  description: "For the first team's admin.",
  auth: "admin",
  idempotency: "with_key",
  params: none,
  query: none,
  body: teamCreate,
  bodyExample: { name: "Builders", slug: "builders" },
  answers: {
    201: {
      description: "The team and its key, shown this once.",
      schema: teamCreated,
      example: { team: teamExample, key: { ...keyExample, role: "admin", key: `wrn_${"0123456789".repeat(4)}` } },
    },
  },
  errors: ["invalid_request", "forbidden", "conflict", "quota_exceeded", "unavailable"],
});
