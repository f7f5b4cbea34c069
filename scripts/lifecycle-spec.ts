import { CAPSULE_EVENTS, PUBLIC_STATUS, TABLE } from "../server/src/core/capsule/machine.ts";
import type { Cell } from "../server/src/core/capsule/machine.ts";
import { CAPSULE_STATES } from "../server/src/core/capsule/state.ts";

/** docs/spec/capsule-lifecycle.md, from the table that the server runs. */
export function renderLifecycleSpec(): string {
  const header = `| state | shown as | ${CAPSULE_EVENTS.map((event) => `\`${event}\``).join(" | ")} |`;
  const rule = `|${"---|".repeat(CAPSULE_EVENTS.length + 2)}`;
  const rows = CAPSULE_STATES.map(
    (state) => `| \`${state}\` | ${PUBLIC_STATUS[state]} | ${CAPSULE_EVENTS.map((event) => renderCell(TABLE[state][event])).join(" | ")} |`,
  );
  return `${PROSE}\n${[header, rule, ...rows].join("\n")}\n`;
}

function renderCell(cell: Cell): string {
  if ("to" in cell) return `**${cell.to}**`;
  return "reject" in cell ? "409" : "·";
}

const PROSE = `# The life of a capsule

Generated from \`server/src/core/capsule/machine.ts\` by \`npm run generate\`.

Callers and loops ask (\`pause\`, \`resume\`, \`stop\`, \`start\`, \`destroy\`); the server writes that as the capsule's new state before it
does anything (\`pausing\`, \`destroying\`, …), acts on the host, and then writes the fact (\`paused\`, \`destroyed\`, …). A server that dies
between two of these finds the intent at its next start and finishes it. \`lost\` and \`host_restarted\` are found out.
Every write is a compare-and-set on state and version, so of two requests at once one wins and the other gets 409.

A cell in bold is the next state; \`409\` refuses the caller with \`invalid_state\`; \`·\` changes nothing: the fact is not awaited, or the
end is under way and wins. Destroying works from every state.
`;
