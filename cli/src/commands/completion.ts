import type { Command } from "../command.ts";
import { SCRIPTS } from "../completion/scripts.ts";
import { UsageError } from "../exit.ts";

export const completion: Command = {
  name: "completion",
  summary: "Write the completion of a shell: bash, zsh or fish",
  usage: "bash|zsh|fish",
  arguments: [1, 1],
  examples: ['eval "$(capsuled completion bash)"', 'eval "$(capsuled completion zsh)"', "capsuled completion fish | source"],
  async run(context, given) {
    const [shell] = given.arguments;
    if (shell !== "bash" && shell !== "zsh" && shell !== "fish") throw new UsageError("shells are bash, zsh and fish");
    context.say(SCRIPTS[shell]);
  },
};
