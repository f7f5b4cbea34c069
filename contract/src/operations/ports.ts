import { z } from "zod";
import { capsuleIdParam } from "../ids.ts";
import { defineOperation } from "../operation.ts";
import { capsulePort, portAccess, portList, portUrl, portUrlRequest } from "../schemas/port.ts";

const tag = "Ports";
const params = z.object({ id: capsuleIdParam });
const portParams = z.object({ id: capsuleIdParam, port: z.coerce.number().int().min(1).max(65_535) });
const exampleUrl = "http://3000-cl-0c3n5yq1r9s8t7u6v5w4x3y2z.localhost:8080/";

export const listPorts = defineOperation({
  id: "listPorts",
  method: "GET",
  path: "/v1/capsules/{id}/ports",
  tag,
  summary: "List the ports that something listens on",
  description:
    "What listens on a port inside a capsule is reached at `http://{port}-{capsule}.{domain}/` of this very server, or below `/v1/capsules/{id}/ports/{port}/`: any method, bodies streamed both ways, WebSockets. It takes a key of the team in `X-API-Key`, a link of `createPortUrl`, or nothing where the port is public. The key never reaches the capsule. While nothing listens the answer is 502 `port_unavailable`. At most 4096 ports are told, by number.",
  auth: "member",
  idempotency: "safe",
  params,
  query: z.object({}),
  body: null,
  answers: {
    200: {
      description: "By number; empty while nothing listens.",
      schema: portList,
      example: { ports: [{ port: 3000, address: "127.0.0.1", pid: 42, public: false, url: exampleUrl }] },
    },
  },
  errors: ["not_found", "invalid_state", "unavailable", "agent_error"],
});

export const setPortAccess = defineOperation({
  id: "setPortAccess",
  method: "PUT",
  path: "/v1/capsules/{id}/ports/{port}",
  tag,
  summary: "Make a port of a capsule public, or private again",
  description:
    "Whether something listens does not matter. It holds for the next request, in every state of the capsule; WebSockets and answers under way go on.",
  auth: "member",
  idempotency: "idempotent",
  params: portParams,
  query: z.object({}),
  body: portAccess,
  bodyExample: { public: true },
  answers: { 200: { description: "The port.", schema: capsulePort, example: { port: 3000, public: true, url: exampleUrl } } },
  errors: ["invalid_request", "not_found", "invalid_state", "unavailable"],
});

export const createPortUrl = defineOperation({
  id: "createPortUrl",
  method: "POST",
  path: "/v1/capsules/{id}/ports/{port}/url",
  tag,
  summary: "Make a link to a port of a capsule that works without a key, for a while",
  description:
    "The link is signed, for this port of this capsule only. A browser that opens it gets a cookie for the port's own host name and goes on without the token; a program sends the token with each request, as the parameter `capsuled_token`, or by host name as the cookie `capsuled_port`.",
  auth: "member",
  idempotency: "idempotent",
  params: portParams,
  query: z.object({}),
  body: portUrlRequest,
  bodyExample: { ttl_sec: 3600 },
  answers: {
    201: {
      description: "The link.",
      schema: portUrl,
      example: {
        url: `${exampleUrl}?capsuled_token=mhn4q2w8.1f0c…`,
        token: "mhn4q2w8.1f0c…",
        expires_at: "2026-11-01T11:00:00.000Z",
      },
    },
  },
  errors: ["invalid_request", "not_found", "unavailable"],
});
