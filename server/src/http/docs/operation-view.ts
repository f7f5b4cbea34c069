import type { JsonSchema, OpenapiOperation, OpenapiSocket } from "@capsuled/contract";
import { escapeHtml, inline, prose } from "./html.ts";
import { curlSample, eventsSample, exchangeSample, jsonSample } from "./samples.ts";
import type { Components } from "./schema-view.ts";
import { componentName, fieldRow, fieldRows, variants } from "./schema-view.ts";

const EVENTS = "text/event-stream";

/** One operation: what it takes and answers on the left, a command and its answer on the right. */
export function operationView(method: string, path: string, operation: OpenapiOperation, components: Components): string {
  const socket = operation["x-websocket"];
  const badge = socket === undefined ? method : "ws";
  const words = wordsOf(method, path, operation, components);
  return `<section class="operation" id="${escapeHtml(operation.operationId)}" data-words="${escapeHtml(words)}">
<div class="explain">
<h3><a href="#${escapeHtml(operation.operationId)}">${escapeHtml(operation.summary)}</a></h3>
<p class="route"><span class="method ${badge}">${badge.toUpperCase()}</span><code>${pathView(path)}</code></p>
${operation.description === undefined ? "" : prose(operation.description)}
${traits(operation)}
${parametersView(operation, components)}
${bodyView(operation, components)}
${socket === undefined ? "" : socketView(socket, components)}
${answersView(operation)}
</div>
<div class="show">${samplesView(method, path, operation)}</div>
</section>`;
}

/** What the filter finds an operation by: all that is said of it, and the names of what it takes. */
function wordsOf(method: string, path: string, operation: OpenapiOperation, components: Components): string {
  const body = operation.requestBody?.content["application/json"]?.schema;
  const fields = body === undefined ? [] : variants(body, components).flatMap((variant) => Object.keys(variant.properties ?? {}));
  const parameters = (operation.parameters ?? []).map(({ name, description = "" }) => `${name} ${description}`);
  const answers = Object.entries(operation.responses).map(([status, { description }]) => `${status} ${description}`);
  const socket = operation["x-websocket"] === undefined ? "" : "websocket socket ws";
  const texts = [operation.operationId, method, path, operation.summary, operation.description ?? "", ...operation.tags, socket];
  return [...texts, ...parameters, ...fields, ...answers].join(" ").toLowerCase().replaceAll(/\s+/g, " ");
}

function pathView(path: string): string {
  return escapeHtml(path).replaceAll(/\{\w+\}/g, (parameter) => `<span class="parameter">${parameter}</span>`);
}

function traits(operation: OpenapiOperation): string {
  const facts: string[] = [];
  if (operation.security.length === 0) facts.push("no key needed");
  if (operation["x-role"] === "admin") facts.push("an admin's key");
  if (operation["x-idempotency"] === "idempotent") facts.push("repeatable");
  return facts.length === 0 ? "" : `<p class="traits">${facts.map((fact) => `<span>${fact}</span>`).join("")}</p>`;
}

function parametersView(operation: OpenapiOperation, components: Components): string {
  const groups = [
    ["path", "In the path"],
    ["query", "In the query"],
  ] as const;
  return groups
    .map(([place, title]) => {
      const rows = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === place)
        .map(({ name, schema, description, required }) =>
          fieldRow(name, description === undefined ? schema : { ...schema, description }, required && place === "query", components),
        );
      return rows.length === 0 ? "" : `<h4>${title}</h4>${rows.join("")}`;
    })
    .join("");
}

function bodyView(operation: OpenapiOperation, components: Components): string {
  const schema = operation.requestBody?.content["application/json"]?.schema;
  return schema === undefined
    ? ""
    : `<h4>Body${operation.requestBody?.required === true ? "" : ' <span class="optional">may be left out</span>'}</h4>${fieldRows(schema, components)}`;
}

function socketView(socket: OpenapiSocket, components: Components): string {
  const first = socket.first === null ? "" : `<h4>First message</h4>${firstView(socket.first, components)}`;
  const client =
    socket.client === null
      ? ""
      : `<h4>${socket.first === null ? "Messages from you" : "Then, from you"}</h4>${messagesView(socket.client, components)}`;
  const codes = Object.entries(socket.close_codes).map(
    ([code, name]) => `<li><code>${code}</code> ${escapeHtml(name.replaceAll("_", " "))}</li>`,
  );
  return `${first}${client}<h4>Messages from the server</h4><div class="given">${messagesView(socket.server, components)}</div><h4>Close codes</h4><ul class="codes">${codes.join("")}</ul>`;
}

/** The fields of the one kind of message that may come first, or each of several kinds. */
function firstView(schema: JsonSchema, components: Components): string {
  return variants(schema, components).length > 1 ? messagesView(schema, components) : fieldRows(schema, components);
}

/** Each kind of message folds open to its fields. */
function messagesView(schema: JsonSchema, components: Components): string {
  return variants(schema, components)
    .map((variant) => {
      const { type, ...fields } = variant.properties ?? {};
      const names = Object.keys(fields).slice(0, 5).join(", ");
      const inner = fieldRows({ ...variant, properties: fields }, components);
      const head = `<code class="name">${escapeHtml(typeof type?.const === "string" ? type.const : "message")}</code> <span class="type">${escapeHtml(names)}</span>`;
      return inner === "" ? `<div class="message">${head}</div>` : `<details class="message"><summary>${head}</summary>${inner}</details>`;
    })
    .join("");
}

function answersView(operation: OpenapiOperation): string {
  const rows = Object.entries(operation.responses).map(([status, { description, content }]) => {
    const schema = content?.["application/json"]?.schema;
    const named = schema === undefined ? null : componentName(schema);
    const link = named === null ? "" : ` <a class="schema" href="#schema-${escapeHtml(named)}">${escapeHtml(named)}</a>`;
    const text = description
      .split("\n\n")
      .map((line) => `<div>${inline(line)}</div>`)
      .join("");
    return `<div class="answer"><span class="status s${status.charAt(0)}">${status}</span><div>${text}${link}</div></div>`;
  });
  return `<h4>Answers</h4>${rows.join("")}`;
}

function samplesView(method: string, path: string, operation: OpenapiOperation): string {
  const socket = operation["x-websocket"];
  const request = sample("Request", curlSample(method, path, operation));
  if (socket !== undefined) return request + sample("Messages", exchangeSample(socket));
  const answers = Object.entries(operation.responses).flatMap(([status, { content }]) => {
    const events: unknown = content?.[EVENTS]?.example;
    const result: unknown = content?.["application/json"]?.example;
    // What is answered to everybody comes first.
    const isChoice = events !== undefined && result !== undefined;
    return [
      ...(typeof events === "string" ? [sample(`Answer ${status}${isChoice ? ", as it comes" : ""}`, eventsSample(events))] : []),
      ...(result === undefined ? [] : [sample(`Answer ${status}${isChoice ? ", with Accept: application/json" : ""}`, jsonSample(result))]),
    ];
  });
  return request + answers.join("");
}

function sample(title: string, body: string): string {
  return `<figure class="sample"><figcaption>${title}<button type="button" class="copy">Copy</button></figcaption><pre><code>${body}</code></pre></figure>`;
}
