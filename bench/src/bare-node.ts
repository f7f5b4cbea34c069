/** A command over HTTP as one writes it in an afternoon: no isolation, no record, no bound. Prints its port. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";

const server = createServer((_, response) => {
  execFile("/bin/echo", ["hello"], (error, stdout) => {
    const body = JSON.stringify({ output: stdout, exit_code: error === null ? 0 : 1 });
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body);
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address())));
