import { z } from "zod";
import { templateExample } from "../examples.ts";
import { defineOperation } from "../operation.ts";
import { snapshotCreate, snapshotCreateQuery, template, templateListQuery } from "../schemas/templates.ts";

const tag = "Templates";
const none = z.strictObject({});
const loose = z.object({});

export const createSnapshot = defineOperation({
  id: "createSnapshot",
  method: "POST",
  path: "/v1/snapshots",
  tag,
  summary: "Make a template of a capsule's disk",
  description:
    "Keeps files, not memory: a capsule of it boots with the files and without the processes. The capsule's processes stand still while the disk is copied, then it is in the state it was in, running or paused.",
  auth: "member",
  idempotency: "with_key",
  params: none,
  query: snapshotCreateQuery,
  body: snapshotCreate,
  bodyExample: { capsule_id: "cl-0c3n5yq1r9s8t7u6v5w4x3y2z", name: "with-dependencies" },
  answers: { 201: { description: "The template.", schema: template, example: templateExample } },
  errors: [
    "invalid_request",
    "not_found",
    "invalid_state",
    "name_reserved",
    "template_name_taken",
    "quota_exceeded",
    "agent_error",
    "host_full",
    "unavailable",
    "shutting_down",
  ],
});

export const listSnapshots = defineOperation({
  id: "listSnapshots",
  method: "GET",
  path: "/v1/snapshots",
  tag,
  summary: "List the templates that the team can create capsules from",
  description: "The team's own, newest first, then those that every team has.",
  auth: "member",
  idempotency: "safe",
  params: none,
  query: templateListQuery,
  body: null,
  answers: { 200: { description: "The templates.", schema: z.array(template), example: [templateExample] } },
  errors: ["unavailable"],
});

export const deleteSnapshot = defineOperation({
  id: "deleteSnapshot",
  method: "DELETE",
  path: "/v1/snapshots/{name}",
  tag,
  summary: "Delete a template of the team",
  description: "Its name is free at once. Capsules that were created from it go on, and can be stopped and started.",
  auth: "member",
  idempotency: "idempotent",
  params: z.object({ name: z.string().min(1).max(200).describe("The template's name.") }),
  query: loose,
  body: null,
  answers: { 204: { description: "It is deleted.", schema: null } },
  errors: ["invalid_request", "forbidden", "not_found", "unavailable"],
});
