import { z } from "zod";
import { endpointExample, importExample } from "../endpoint-examples.ts";
import { defineOperation } from "../operation.ts";
import {
  endpoint,
  endpointList,
  endpointListQuery,
  endpointNameParam,
  endpointPut,
  importBody,
  importQuery,
  importResult,
  putResult,
} from "../schemas/endpoint.ts";

const tag = "Endpoints";
const none = z.object({});
const params = z.object({ name: endpointNameParam });
const one = (description: string) => ({ description, schema: endpoint, example: endpointExample });
const put = (description: string) => ({ description, schema: putResult, example: { ...endpointExample, warnings: [] } });

/** Types that a file of definitions may come with: also the one that `curl --data-binary` says by itself. */
const FILE_TYPES = [
  "application/yaml",
  "application/x-yaml",
  "text/yaml",
  "text/x-yaml",
  "text/plain",
  "application/json",
  "application/x-www-form-urlencoded",
] as const;

export const listEndpoints = defineOperation({
  id: "listEndpoints",
  method: "GET",
  path: "/v1/endpoints",
  tag,
  summary: "List the team's endpoints by name",
  auth: "member",
  idempotency: "safe",
  params: none,
  query: endpointListQuery,
  body: null,
  answers: { 200: { description: "A page.", schema: endpointList, example: { items: [endpointExample], next_cursor: null } } },
  errors: ["invalid_request", "unavailable"],
});

export const putEndpoint = defineOperation({
  id: "putEndpoint",
  method: "PUT",
  path: "/v1/endpoints/{name}",
  tag,
  summary: "Publish a command, or change how it is published",
  description:
    "The whole definition: what is left out has its default. What `GET` told can be sent back with changes: `has_secret` and `env_names` keep what is sealed, and what GET tells beside the definition is not read. What callers call is `/v1/{owner}/{name}`. Every problem of the definition is told at once, and `warnings` has what may not be meant.",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: none,
  body: endpointPut,
  bodyExample: {
    command: "./deploy.sh",
    args: [{ name: "branch", default: "main", pattern: "[a-z0-9/-]+" }],
    timeout: 60,
    working_dir: "/workspace",
  },
  answers: { 200: put("Changed, or already so."), 201: put("Published.") },
  errors: ["invalid_request", "conflict", "quota_exceeded", "unavailable"],
});

export const getEndpoint = defineOperation({
  id: "getEndpoint",
  method: "GET",
  path: "/v1/endpoints/{name}",
  tag,
  summary: "Get an endpoint's definition",
  description: "Without what is secret: `has_secret` and `env_names` say what there is.",
  auth: "member",
  idempotency: "safe",
  params,
  query: none,
  body: null,
  answers: { 200: one("The endpoint.") },
  errors: ["not_found", "unavailable"],
});

export const deleteEndpoint = defineOperation({
  id: "deleteEndpoint",
  method: "DELETE",
  path: "/v1/endpoints/{name}",
  tag,
  summary: "Take an endpoint away",
  description: "Its runs under way go on, and all are kept.",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: none,
  body: null,
  answers: { 204: { description: "It is gone.", schema: null } },
  errors: ["unavailable"],
});

export const importEndpoints = defineOperation({
  id: "importEndpoints",
  method: "POST",
  path: "/v1/endpoints/import",
  tag,
  summary: "Publish all endpoints of a YAML file",
  description:
    "The file has `version: 1` and `endpoints: […]`, each with the fields of a definition and its `name`. All of it is done or nothing: every problem is told at once, with its line and column in `details.problems`.",
  auth: "member",
  idempotency: "idempotent",
  params: none,
  query: importQuery,
  body: importBody,
  bodyForm: { form: "text", types: FILE_TYPES },
  bodyExample: "version: 1\nendpoints:\n  - name: hello\n    command: echo hello\n",
  answers: { 200: { description: "What was changed; with `dry_run`, what would be.", schema: importResult, example: importExample } },
  errors: ["invalid_request", "conflict", "quota_exceeded", "unavailable"],
});

const scheduleOperation = {
  method: "POST",
  tag,
  auth: "member",
  idempotency: "idempotent",
  params,
  query: none,
  body: null,
  errors: ["not_found", "conflict", "unavailable"],
} as const;

export const pauseEndpointSchedule = defineOperation({
  ...scheduleOperation,
  id: "pauseEndpointSchedule",
  path: "/v1/endpoints/{name}/schedule/pause",
  summary: "Stop running an endpoint by its schedule",
  description: "It stays callable.",
  answers: { 200: one("The endpoint.") },
});

export const resumeEndpointSchedule = defineOperation({
  ...scheduleOperation,
  id: "resumeEndpointSchedule",
  path: "/v1/endpoints/{name}/schedule/resume",
  summary: "Run an endpoint by its schedule again",
  description: "From the next time on: what fell into the pause is not made up for.",
  answers: { 200: one("The endpoint.") },
});

const badgeAnswer = {
  200: { description: "An image.", schema: z.string(), contentType: "image/svg+xml" },
} as const;

export const getTeamBadge = defineOperation({
  id: "getTeamBadge",
  method: "GET",
  path: "/{owner}/badge.svg",
  tag,
  summary: "A team's badge: how many public endpoints it has",
  auth: "none",
  idempotency: "safe",
  params: z.object({ owner: z.string().min(1).max(200).describe("The team's slug.") }),
  query: none,
  body: null,
  answers: badgeAnswer,
  errors: ["not_found", "unavailable"],
});

export const getEndpointBadge = defineOperation({
  id: "getEndpointBadge",
  method: "GET",
  path: "/{owner}/{name}/badge.svg",
  tag,
  summary: "A public endpoint's badge: how its last run ended",
  auth: "none",
  idempotency: "safe",
  params: z.object({ owner: z.string().min(1).max(200).describe("The team's slug."), name: endpointNameParam }),
  query: none,
  body: null,
  answers: badgeAnswer,
  errors: ["not_found", "unavailable"],
});
