import { lookup, Resolver } from "node:dns/promises";

/** The addresses of a host name, in no particular order. Rejects when it has none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Milliseconds that one question to a name server waits, and how often it is asked. */
const QUESTION = { timeout: 2000, tries: 2 } as const;

/** By the machine's own resolver, its hosts file included. It runs on a few threads, so it is only for names that are trusted to answer. */
export const resolveBySystem: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** By questions to the name servers, which hold up nothing else however slow they are. */
export const resolveByQuestions: Resolve = async (host) => {
  const resolver = new Resolver(QUESTION);
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (addresses.length > 0) return addresses;
  throw new Error(`${host} has no address`);
};
