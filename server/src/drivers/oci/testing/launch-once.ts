/** A server that launches one capsule and waits to be killed: `launch-once.ts DATA_DIR INSTALLATION CAPSULE SECRET`. Says when it begins and when it is done. */
import { createDriver } from "../driver.ts";
import { openHost } from "../host.ts";
import { specOf, testOptions } from "./oci-world.ts";

const [dataDir = "", installationId = "", capsuleId = "", agentSecret = ""] = process.argv.slice(2);
const options = testOptions(dataDir, installationId);
const host = await openHost(options);
const driver = createDriver(options, () => Promise.resolve(host));
process.stdout.write("begin\n");
await driver.launch(specOf({ capsuleId, agentSecret }), new AbortController().signal);
process.stdout.write("done\n");
setInterval(() => undefined, 1000);
