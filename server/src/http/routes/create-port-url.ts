import { json } from "../answer.ts";
import { ownUrlOf } from "../ports/own-url.ts";
import { PORT_TOKEN } from "../ports/token.ts";
import { timestamp } from "../render/time.ts";
import { route } from "../route.ts";

export const createPortUrl = route("createPortUrl", async ({ caller, params, body }, { ports, config }, exchange) => {
  const { token, expiresAt } = await ports.sign(caller, params.id, params.port, body.ttl_sec);
  const url = `${ownUrlOf(config, exchange, params.id, params.port)}?${PORT_TOKEN}=${token}`;
  return json(201, { url, token, expires_at: timestamp(expiresAt) });
});
