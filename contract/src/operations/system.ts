import { z } from "zod";
import { defineOperation } from "../operation.ts";

const none = z.object({});

export const getHealth = defineOperation({
  id: "getHealth",
  method: "GET",
  path: "/healthz",
  tag: "System",
  summary: "Whether the server and what it needs are well",
  auth: "none",
  idempotency: "safe",
  params: none,
  query: none,
  body: null,
  answers: {
    200: {
      description: "All is well.",
      schema: z.object({
        status: z.enum(["ok", "degraded"]),
        version: z.string(),
        checks: z.record(z.string(), z.enum(["ok", "failing"])),
      }),
      example: { status: "ok", version: "0.1.0", checks: { database: "ok", driver: "ok" } },
    },
  },
  errors: ["unavailable", "shutting_down"],
});

export const getMetrics = defineOperation({
  id: "getMetrics",
  method: "GET",
  path: "/metrics",
  tag: "System",
  summary: "Metrics in Prometheus' text format",
  description: "Only to callers on this machine's loopback, unless a setting opens it.",
  auth: "none",
  idempotency: "safe",
  params: none,
  query: none,
  body: null,
  answers: { 200: { description: "Metrics.", schema: z.string(), contentType: "text/plain" } },
  errors: ["not_found"],
});

export const getOpenapi = defineOperation({
  id: "getOpenapi",
  method: "GET",
  path: "/openapi.json",
  tag: "System",
  summary: "This API as OpenAPI 3.1",
  auth: "none",
  idempotency: "safe",
  params: none,
  query: none,
  body: null,
  answers: { 200: { description: "The document.", schema: z.looseObject({ openapi: z.string() }) } },
  errors: [],
});

export const getDocs = defineOperation({
  id: "getDocs",
  method: "GET",
  path: "/docs",
  tag: "System",
  summary: "The API's reference as a page",
  auth: "none",
  idempotency: "safe",
  params: none,
  query: none,
  body: null,
  answers: { 200: { description: "A page.", schema: z.string(), contentType: "text/html" } },
  errors: [],
});
