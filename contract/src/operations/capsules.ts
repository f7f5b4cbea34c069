import { z } from "zod";
import { capsuleIdParam } from "../ids.ts";
import { defineOperation } from "../operation.ts";
import { capsule, capsuleCreate, capsuleCreateQuery, capsuleListQuery, capsulePage, waitBody } from "../schemas/capsule.ts";
import { forkCreate, forks } from "../schemas/templates.ts";
import { networkPolicy, networkQuery, networkReport } from "../schemas/network.ts";
import { capsuleExample, networkExample } from "../examples.ts";

const tag = "Capsules";
const none = z.strictObject({});
const loose = z.object({});
const params = z.object({ id: capsuleIdParam });
const one = (description: string) => ({ description, schema: capsule, example: capsuleExample });

export const createCapsule = defineOperation({
  id: "createCapsule",
  method: "POST",
  path: "/v1/capsules",
  tag,
  summary: "Create a capsule",
  description:
    "Boots an isolated machine from a template. The answer waits up to `wait_ms` for `running`; a slower boot answers `pending` or `starting`.",
  auth: "member",
  idempotency: "with_key",
  params: none,
  query: capsuleCreateQuery,
  body: capsuleCreate,
  bodyExample: {
    template: "base-python",
    vcpus: 2,
    memory_mb: 1024,
    timeout_sec: 300,
    envs: { API_URL: "https://api.example" },
    metadata: { purpose: "tests" },
  },
  answers: { 201: one("The capsule."), 200: one("With `on_conflict=return`: the team's capsule of that name.") },
  errors: ["invalid_request", "not_found", "conflict", "too_large", "quota_exceeded", "host_full", "unavailable", "shutting_down"],
});

export const listCapsules = defineOperation({
  id: "listCapsules",
  method: "GET",
  path: "/v1/capsules",
  tag,
  summary: "List the team's capsules, newest first",
  description:
    "Without `limit` and `cursor` a plain array of the newest 1000 that are not destroyed, with `X-Truncated: true` when there are more. With either a page. `metadata.<key>=<value>` filters by label.",
  auth: "member",
  idempotency: "safe",
  params: none,
  query: capsuleListQuery,
  body: null,
  answers: { 200: { description: "An array, or a page.", schema: z.union([z.array(capsule), capsulePage]), example: [capsuleExample] } },
  errors: ["invalid_request", "unavailable"],
});

export const getCapsule = defineOperation({
  id: "getCapsule",
  method: "GET",
  path: "/v1/capsules/{id}",
  tag,
  summary: "Get a capsule, in any state",
  auth: "member",
  idempotency: "safe",
  params,
  query: loose,
  body: null,
  answers: { 200: one("The capsule.") },
  errors: ["not_found", "unavailable"],
});

export const destroyCapsule = defineOperation({
  id: "destroyCapsule",
  method: "DELETE",
  path: "/v1/capsules/{id}",
  tag,
  summary: "Destroy a capsule, its processes and its disk",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: loose,
  body: null,
  answers: { 204: { description: "It is gone; `GET` says `stopped` with the reason `destroyed`.", schema: null } },
  errors: ["not_found", "unavailable"],
});

export const pauseCapsule = defineOperation({
  id: "pauseCapsule",
  method: "POST",
  path: "/v1/capsules/{id}/pause",
  tag,
  summary: "Pause: freeze every process, keep memory and files",
  auth: "member",
  idempotency: "with_key",
  params,
  query: loose,
  body: null,
  answers: { 200: one("The paused capsule.") },
  errors: ["not_found", "invalid_state", "unavailable"],
});

export const resumeCapsule = defineOperation({
  id: "resumeCapsule",
  method: "POST",
  path: "/v1/capsules/{id}/resume",
  tag,
  summary: "Resume a paused capsule",
  auth: "member",
  idempotency: "with_key",
  params,
  query: loose,
  body: waitBody,
  answers: { 200: one("The running capsule.") },
  errors: ["invalid_request", "not_found", "invalid_state", "unavailable"],
});

export const stopCapsule = defineOperation({
  id: "stopCapsule",
  method: "POST",
  path: "/v1/capsules/{id}/stop",
  tag,
  summary: "Stop: end every process, keep the disk",
  auth: "member",
  idempotency: "with_key",
  params,
  query: loose,
  body: null,
  answers: { 200: one("The stopped capsule.") },
  errors: ["not_found", "invalid_state", "unavailable"],
});

export const startCapsule = defineOperation({
  id: "startCapsule",
  method: "POST",
  path: "/v1/capsules/{id}/start",
  tag,
  summary: "Boot a stopped capsule again from its disk",
  auth: "member",
  idempotency: "with_key",
  params,
  query: loose,
  body: waitBody,
  answers: { 200: one("The capsule.") },
  errors: ["invalid_request", "not_found", "invalid_state", "host_full", "unavailable", "shutting_down"],
});

export const pingCapsule = defineOperation({
  id: "pingCapsule",
  method: "POST",
  path: "/v1/capsules/{id}/ping",
  tag,
  summary: "Count as activity, so that the inactivity TTL begins anew",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: loose,
  body: null,
  answers: { 204: { description: "Noted.", schema: null } },
  errors: ["not_found", "invalid_state", "agent_error", "unavailable"],
});

export const forkCapsule = defineOperation({
  id: "forkCapsule",
  method: "POST",
  path: "/v1/capsules/{id}/fork",
  tag,
  summary: "Make capsules whose disks begin as this one's is now",
  description:
    "Copies the disk, not memory: each fork boots with the files and without the processes. It has the settings of this capsule: template, sizes, TTL, metadata, variables and network. This one stands still only while its disk is copied. All of them, or none.",
  auth: "member",
  idempotency: "with_key",
  params,
  query: loose,
  body: forkCreate,
  bodyExample: { count: 3, name: "try" },
  answers: { 201: { description: "The forks.", schema: forks, example: { capsules: [capsuleExample] } } },
  errors: [
    "invalid_request",
    "not_found",
    "invalid_state",
    "conflict",
    "quota_exceeded",
    "agent_error",
    "host_full",
    "unavailable",
    "shutting_down",
  ],
});

export const getCapsuleNetwork = defineOperation({
  id: "getCapsuleNetwork",
  method: "GET",
  path: "/v1/capsules/{id}/network",
  tag,
  summary: "Get where a capsule may connect to, and what it tried",
  auth: "member",
  idempotency: "safe",
  params,
  query: networkQuery,
  body: null,
  answers: {
    200: {
      description: "The policy, the counters, and the latest decisions if asked for.",
      schema: networkReport,
      example: networkExample,
    },
  },
  errors: ["invalid_request", "not_found", "unavailable"],
});

export const setCapsuleNetwork = defineOperation({
  id: "setCapsuleNetwork",
  method: "PATCH",
  path: "/v1/capsules/{id}/network",
  tag,
  summary: "Change where a capsule may connect to",
  description:
    "Holds from the answer on, for connections that are open as well; in any state, and over stop and start. What is refused ends at once.",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: loose,
  body: networkPolicy,
  bodyExample: { egress: { allow: ["pypi.org", "*.pythonhosted.org", { to: "203.0.113.0/24", ports: [443, "8000-8100"] }] } },
  answers: { 200: one("The capsule.") },
  errors: ["invalid_request", "not_found", "invalid_state", "agent_error", "unavailable"],
});
