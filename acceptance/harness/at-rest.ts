import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readState } from "./state.ts";

/** The server's log and the files of its database that hold a text as it is, or as base64 has it; by name. Rows that are gone leave their bytes in the files. */
export function filesThatHold(text: string): readonly string[] {
  const { dataDir, logFile } = readState();
  const database = readdirSync(dataDir).filter((name) => name.startsWith("capsuled.db"));
  const wanted = [text, ...base64Of(text)];
  return [...database.map((name) => join(dataDir, name)), logFile].filter((path) => {
    const bytes = readFileSync(path);
    return wanted.some((one) => bytes.includes(one));
  });
}

/** What is in the base64 of any text that has this one in it, by where it begins. */
function base64Of(text: string): readonly string[] {
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.from(`${" ".repeat(before)}${text}`)
      .toString("base64")
      .replaceAll("=", "");
    // The first and the last characters have bits of what is beside it.
    return encoded.slice(before === 0 ? 0 : before + 1, -1);
  });
}
