import { json } from "../answer.ts";
import { ownUrlOf } from "../ports/own-url.ts";
import { route } from "../route.ts";

export const setPortAccess = route("setPortAccess", async ({ caller, params: { id, port }, body }, { ports, config }, exchange) => {
  await ports.setPublic(caller, id, port, body.public);
  return json(200, { port, public: body.public, url: ownUrlOf(config, exchange, id, port) });
});
