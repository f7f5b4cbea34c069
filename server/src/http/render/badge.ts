import type { RunRecord } from "../../core/run/record.ts";

/** Two words side by side: what it is about, and how that is. */
export interface Badge {
  readonly label: string;
  readonly message: string;
  readonly tone: Tone;
}

type Tone = "good" | "bad" | "neutral";

const COLORS: Readonly<Record<Tone, string>> = { good: "#2f8f46", bad: "#c0392b", neutral: "#6b7280" };
const LABEL_COLOR = "#3b4252";
const HEIGHT = 20;
const PADDING = 7;
/** Pixels of one character of the badge's font, on average; `textLength` makes each text as wide as it says. */
const CHAR_WIDTH = 6.6;

export function teamBadge(publicEndpoints: number): Badge {
  const message = publicEndpoints === 0 ? "online" : publicEndpoints === 1 ? "1 endpoint" : `${publicEndpoints} endpoints`;
  return { label: "capsuled", message, tone: "good" };
}

/** How an endpoint's latest run ended. */
export function endpointBadge(name: string, latest: RunRecord | undefined): Badge {
  switch (latest?.status) {
    case undefined:
    case "queued":
    case "running":
      return { label: name, message: "no runs", tone: "neutral" };
    case "succeeded":
      return { label: name, message: "passing", tone: "good" };
    case "failed":
      return { label: name, message: latest?.exitCode === null ? "failing" : `failing (${latest?.exitCode})`, tone: "bad" };
    case "timed_out":
      return { label: name, message: "timed out", tone: "bad" };
    case "error":
      return { label: name, message: "error", tone: "bad" };
    case "cancelled":
      return { label: name, message: "cancelled", tone: "neutral" };
    case "missed":
      return { label: name, message: "missed", tone: "neutral" };
  }
}

/** The badge as an image of its own: it loads nothing and runs nothing. */
export function badgeSvg({ label, message, tone }: Badge): string {
  const left = textWidth(label);
  const right = textWidth(message);
  const [labelBox, messageBox] = [left + 2 * PADDING, right + 2 * PADDING];
  const title = `${escapeXml(label)}: ${escapeXml(message)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${labelBox + messageBox}" height="${HEIGHT}" role="img" aria-label="${title}">
<title>${title}</title>
<clipPath id="edge"><rect width="${labelBox + messageBox}" height="${HEIGHT}" rx="4"/></clipPath>
<g clip-path="url(#edge)"><rect width="${labelBox}" height="${HEIGHT}" fill="${LABEL_COLOR}"/><rect x="${labelBox}" width="${messageBox}" height="${HEIGHT}" fill="${COLORS[tone]}"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11"><text x="${PADDING}" y="14" textLength="${left}">${escapeXml(label)}</text><text x="${labelBox + PADDING}" y="14" textLength="${right}">${escapeXml(message)}</text></g>
</svg>
`;
}

function textWidth(text: string): number {
  return Math.ceil(text.length * CHAR_WIDTH);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
