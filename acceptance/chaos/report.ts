import type { Ledger } from "./ledger.ts";

/** One promise of the report: what was expected, and what must be 0. */
export interface Row {
  readonly name: string;
  readonly expected: number;
  readonly wrong: Readonly<Record<string, number>>;
}

export function rowsOf(ledger: Ledger): readonly Row[] {
  const { bytes, exits, starts, capsules, events, answers, left, crashes } = ledger;
  return [
    { name: "bytes", expected: bytes.expected, wrong: { lost: bytes.lost, doubled: bytes.doubled } },
    { name: "exits", expected: exits.expected, wrong: { wrong: exits.wrong } },
    { name: "starts of processes", expected: starts.expected, wrong: { lost: starts.lost, doubled: starts.doubled } },
    {
      name: "capsules",
      expected: capsules.made,
      wrong: { wrong: capsules.wrong, leaked: capsules.leaked, doubled: capsules.doubled },
    },
    { name: "events", expected: events.expected, wrong: { lost: events.lost, doubled: events.doubled } },
    { name: "answers", expected: answers.given, wrong: { wrong: answers.wrong } },
    { name: "orphans on the host", expected: 0, wrong: { ...left } },
    { name: "crashes of the server", expected: crashes.expected, wrong: { seen: crashes.seen } },
  ];
}

export function isZero(row: Row): boolean {
  return Object.values(row.wrong).every((count) => count === 0);
}

/** A run that did not even try has proved nothing. */
export function didWork(ledger: Ledger): boolean {
  return ledger.bytes.expected > 0 && ledger.exits.expected > 0 && ledger.capsules.made > 0 && ledger.recoveriesMs.length > 0;
}

export function renderReport(ledger: Ledger, facts: Readonly<Record<string, string | number>>): string {
  const head = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
  const rows = rowsOf(ledger).map((row) => {
    const wrong = Object.entries(row.wrong).map(([what, count]) => `${grouped(count)} ${what}`);
    return `${isZero(row) ? "ok  " : "FAIL"} ${row.name.padEnd(22)}${grouped(row.expected).padStart(15)} expected   ${wrong.join(", ")}`;
  });
  const faults = [...ledger.faults].map(([kind, count]) => `${grouped(count)} ${kind}`).join(", ");
  const found = ledger.findings.map((finding) => `  ${finding}`);
  return [
    `chaos: ${head.join(", ")}`,
    ...rows,
    `     faults: ${faults}`,
    `     worst recovery of the server: ${Math.round(worstRecoveryMs(ledger))} ms, of ${ledger.recoveriesMs.length}`,
    ...(found.length === 0 ? [] : [`found (${ledger.foundCount}):`, ...found]),
    "",
  ].join("\n");
}

export function worstRecoveryMs(ledger: Ledger): number {
  return Math.max(0, ...ledger.recoveriesMs);
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
