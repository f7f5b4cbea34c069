import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { OpenapiDocument, OpenapiOperation } from "@capsuled/contract";
import { escapeHtml, prose } from "./html.ts";
import { operationView } from "./operation-view.ts";
import { fieldRows, variants } from "./schema-view.ts";

/** The reference as one page that loads nothing else. */
export interface DocsPage {
  readonly html: string;
  /** Allows exactly the page's own style and script. */
  readonly contentSecurityPolicy: string;
}

interface Listed {
  readonly method: string;
  readonly path: string;
  readonly operation: OpenapiOperation;
}

export function renderDocsPage(document: OpenapiDocument): DocsPage {
  const style = asset("page.css");
  const script = asset("page-script.js");
  const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Listed => ({ method, path, operation })),
  );
  const groups = document.tags.map(({ name }) => ({ name, listed: listed.filter(({ operation }) => operation.tags.includes(name)) }));
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(document.info.title)} API</title>
<style>${style}</style>
</head>
<body>
<nav>
<div class="brand"><strong>${escapeHtml(document.info.title)}</strong><span>API ${escapeHtml(document.info.version)}</span><button type="button" id="theme" title="Light or dark" aria-label="Light or dark"></button></div>
<button type="button" id="menu" aria-expanded="false">Menu</button>
<input id="filter" type="search" placeholder="Filter  ( / )" aria-label="Filter operations" autocomplete="off" spellcheck="false">
${groups.map(({ name, listed: entries }) => navGroup(name, entries)).join("")}
<div class="group"><h2>Schemas</h2>${Object.keys(document.components.schemas)
    .map((name) => `<a href="#schema-${name}">${escapeHtml(name)}</a>`)
    .join("")}</div>
</nav>
<main>
<header><h1>${escapeHtml(document.info.title)} API</h1>${prose(document.info.description)}<p class="links"><a href="openapi.json">openapi.json</a></p></header>
${groups.map(({ name, listed: entries }) => `<h2 class="tag">${escapeHtml(name)}</h2>${entries.map(({ method, path, operation }) => operationView(method, path, operation, document.components.schemas)).join("")}`).join("")}
<h2 class="tag">Schemas</h2>
${Object.keys(document.components.schemas)
  .map((name) => schemaView(name, document))
  .join("")}
<p id="nothing" hidden>Nothing matches the filter.</p>
</main>
<script>${script}</script>
</body>
</html>
`;
  return {
    html,
    contentSecurityPolicy: `default-src 'none'; style-src '${digest(style)}'; script-src '${digest(script)}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

function navGroup(name: string, entries: readonly Listed[]): string {
  const links = entries.map(({ method, operation }) => {
    const badge = operation["x-websocket"] === undefined ? method : "ws";
    return `<a href="#${operation.operationId}"><span class="method ${badge}">${badge === "delete" ? "DEL" : badge.toUpperCase()}</span>${escapeHtml(operation.operationId)}</a>`;
  });
  return `<div class="group"><h2>${escapeHtml(name)}</h2>${links.join("")}</div>`;
}

function schemaView(name: string, document: OpenapiDocument): string {
  const { schemas } = document.components;
  const choices = variants(schemas[name] ?? {}, schemas);
  const body = choices
    .map((choice) => `<div class="variant">${fieldRows(choice, schemas)}</div>`)
    .join(choices.length > 1 ? '<div class="or">or</div>' : "");
  return `<section class="schema-view" id="schema-${name}" data-words="${escapeHtml(schemaWords(name, choices))}"><h3><a href="#schema-${name}">${escapeHtml(name)}</a></h3>${body}</section>`;
}

function schemaWords(name: string, choices: ReturnType<typeof variants>): string {
  const fields = choices.flatMap((choice) =>
    Object.entries(choice.properties ?? {}).map(([field, { description = "" }]) => `${field} ${description}`),
  );
  return ["schema", name, ...fields].join(" ").toLowerCase();
}

function asset(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}

function digest(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
