import { fail } from "../../core/fail.ts";
import { json } from "../answer.ts";
import { route } from "../route.ts";

export const getHealth = route("getHealth", async (_call, { health, config }) => {
  const { status, checks } = await health();
  if (status === "unavailable") throw fail("unavailable", "The server is not well.", { details: { checks } });
  return json(200, { status, version: config.version, checks });
});
