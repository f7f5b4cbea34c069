import { randomBytes } from "node:crypto";
import type { team as teamSchema } from "@capsuled/contract";
import type { z } from "zod";
import { expectCall } from "./call.ts";

export interface TestTeam {
  readonly team: z.output<typeof teamSchema>;
  /** Its first admin's. */
  readonly key: string;
  readonly slug: string;
}

/** A team of its own for a test; the API has no way to remove one. */
export async function newTeam(): Promise<TestTeam> {
  const slug = `t${randomBytes(8).toString("hex")}`;
  const { team, key } = await expectCall("createTeam", 201, { body: { name: `Team ${slug}`, slug } });
  return { team, key: key.key, slug };
}
