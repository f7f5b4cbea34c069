import type { Command } from "../command.ts";
import { UsageError } from "../exit.ts";
import { configurationPath, readConfiguration, writeConfiguration } from "../servers.ts";
import { table } from "../table.ts";

export const serversLs: Command = {
  name: "servers ls",
  summary: "List the servers of the configuration file",
  usage: "",
  arguments: [0, 0],
  examples: ["capsuled servers ls"],
  async run(context) {
    const file = readConfiguration(configurationPath(context.process.env));
    const found = Object.entries(file.servers).map(([name, { url, api_key: key }]) => ({
      name,
      url,
      has_key: key !== undefined,
      is_default: name === file.default,
    }));
    context.show(found, () =>
      table(
        context,
        ["NAME", "URL", "KEY", "DEFAULT"],
        found.map((one) => [one.name, one.url, one.has_key ? "yes" : "no", one.is_default ? "yes" : ""]),
      ),
    );
  },
};

export const serversAdd: Command = {
  name: "servers add",
  summary: "Remember a server by a name; its key is CAPSULED_API_KEY's",
  usage: "NAME URL [--default]",
  options: { default: { type: "boolean", help: "Use it where nothing else is said." } },
  arguments: [2, 2],
  examples: ["CAPSULED_API_KEY=wrn_… capsuled servers add build https://capsules.example --default"],
  async run(context, given) {
    const [name = "", url = ""] = given.arguments;
    if (!URL.canParse(url) || !/^https?:/.test(url))
      throw new UsageError(`${JSON.stringify(url)} is not a server's URL, which looks like http://127.0.0.1:8080`);
    const { username, password, host } = new URL(url);
    if (username !== "" || password !== "")
      throw new UsageError(`leave out what stands before the @ of ${host}: a server knows who asks by the key alone, CAPSULED_API_KEY`);
    const path = configurationPath(context.process.env);
    const file = readConfiguration(path);
    const key = context.process.env["CAPSULED_API_KEY"];
    const server = { url, ...(key === undefined || key === "" ? {} : { api_key: key }) };
    const chosen = given.flag("default") ? name : file.default;
    writeConfiguration(path, { ...(chosen === undefined ? {} : { default: chosen }), servers: { ...file.servers, [name]: server } });
    context.show({ name, url, path }, () => `${name} is ${url}, in ${path}`);
  },
};

export const serversRm: Command = {
  name: "servers rm",
  summary: "Forget a server",
  usage: "SERVER",
  arguments: [1, 1],
  examples: ["capsuled servers rm build"],
  async run(context, given) {
    const [name = ""] = given.arguments;
    const path = configurationPath(context.process.env);
    const { servers, default: chosen } = readConfiguration(path);
    if (!Object.hasOwn(servers, name)) throw new UsageError(`there is no server ${JSON.stringify(name)} in ${path}`);
    const { [name]: _gone, ...rest } = servers;
    writeConfiguration(path, { ...(chosen === undefined || chosen === name ? {} : { default: chosen }), servers: rest });
    context.show({ name }, () => `${name} is forgotten`);
  },
};
