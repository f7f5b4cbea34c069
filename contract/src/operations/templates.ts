import { z } from "zod";
import { buildExample, buildLogExample, recipeExample } from "../template-examples.ts";
import { defineOperation } from "../operation.ts";
import { buildIdParam, buildListQuery, buildLogQuery, templateBuild, templateCreate } from "../schemas/template-build.ts";

const tag = "Templates";
const none = z.strictObject({});
const params = z.object({ id: buildIdParam });

export const createTemplate = defineOperation({
  id: "createTemplate",
  method: "POST",
  path: "/v1/templates",
  tag,
  summary: "Build a template from a recipe",
  description:
    "The recipe's parts are done in a capsule of the template that it begins with, and what is then on its disk is the new template. Each part is kept for later builds that begin the same way. Follow the build by its log.",
  auth: "member",
  idempotency: "with_key",
  params: none,
  query: none,
  body: templateCreate,
  bodyExample: recipeExample,
  answers: { 202: { description: "The build, on its way.", schema: templateBuild, example: buildExample } },
  errors: [
    "invalid_request",
    "not_found",
    "invalid_state",
    "name_reserved",
    "template_name_taken",
    "quota_exceeded",
    "unavailable",
    "shutting_down",
  ],
});

export const listTemplateBuilds = defineOperation({
  id: "listTemplateBuilds",
  method: "GET",
  path: "/v1/templates/builds",
  tag,
  summary: "List the team's builds of templates, newest first",
  description: "Kept for 7 days after their end, and at most 1000 of a team.",
  auth: "member",
  idempotency: "safe",
  params: none,
  query: buildListQuery,
  body: null,
  answers: { 200: { description: "The builds.", schema: z.array(templateBuild), example: [buildExample] } },
  errors: ["invalid_request", "unavailable"],
});

export const getTemplateBuild = defineOperation({
  id: "getTemplateBuild",
  method: "GET",
  path: "/v1/templates/builds/{id}",
  tag,
  summary: "Get a build, with the step that failed and why",
  auth: "member",
  idempotency: "safe",
  params,
  query: z.object({}),
  body: null,
  answers: { 200: { description: "The build.", schema: templateBuild, example: buildExample } },
  errors: ["not_found", "unavailable"],
});

export const streamTemplateBuild = defineOperation({
  id: "streamTemplateBuild",
  method: "GET",
  path: "/v1/templates/builds/{id}/logs",
  tag,
  summary: "Follow a build's log as Server-Sent Events",
  description:
    "From the beginning, or after the event that `Last-Event-ID` names; the last is `end`. 204 when that was delivered, which makes an EventSource stop.",
  auth: "member",
  takesTicket: true,
  idempotency: "safe",
  params,
  query: buildLogQuery,
  body: null,
  answers: {
    200: { description: "Events, until the build ends.", schema: z.string(), contentType: "text/event-stream", example: buildLogExample },
    204: { description: "Everything was delivered.", schema: null },
  },
  errors: ["invalid_request", "invalid_offset", "not_found", "unavailable", "shutting_down"],
});

export const cancelTemplateBuild = defineOperation({
  id: "cancelTemplateBuild",
  method: "DELETE",
  path: "/v1/templates/builds/{id}",
  tag,
  summary: "Cancel a build: its capsule is destroyed, and nothing becomes a template",
  description: "A build that has ended stays as it is.",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: z.object({}),
  body: null,
  answers: { 200: { description: "The build, ended.", schema: templateBuild, example: buildExample } },
  errors: ["not_found", "unavailable"],
});
