import type { Command } from "../command.ts";
import { COMMON_OPTIONS } from "../command.ts";
import { UsageError } from "../exit.ts";

/** Needs the table of all commands, so it is made from it. */
export function completionFor(commands: () => readonly Command[]): Command {
  return {
    name: "completion",
    summary: "Write the completion of a shell: bash, zsh or fish",
    usage: "bash|zsh|fish",
    arguments: [1, 1],
    examples: ['eval "$(capsuled completion bash)"'],
    async run(context, given) {
      switch (given.arguments[0]) {
        case "bash":
          return context.say(bash(commands()));
        case "zsh":
          return context.say(`autoload -U +X bashcompinit && bashcompinit\n${bash(commands())}`);
        case "fish":
          return context.say(fish(commands()));
        default:
          throw new UsageError("shells are bash, zsh and fish");
      }
    },
  };
}

function optionsOf({ options }: Command): readonly string[] {
  return Object.keys({ ...options, ...COMMON_OPTIONS }).map((name) => `--${name}`);
}

function firstWords(commands: readonly Command[]): readonly string[] {
  return [...new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""))];
}

function bash(commands: readonly Command[]): string {
  const seconds = firstWords(commands).flatMap((first) => {
    const words = commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []));
    return words.length === 0 ? [] : [`    "${first}") words="${words.join(" ")}" ;;`];
  });
  const options = commands.map((command) => `    "${command.name}") words="${optionsOf(command).join(" ")}" ;;`);
  return `_capsuled() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  case "$COMP_CWORD" in
    1) words="${firstWords(commands).join(" ")}" ;;
    2) case "\${COMP_WORDS[1]}" in
${seconds.join("\n")}
    esac ;;
  esac
  if [[ "$current" == -* ]]; then
    case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${options.filter((line) => line.includes(" ", line.indexOf('"') + 1) && /"\w+ \w/.test(line)).join("\n")}
    *) case "\${COMP_WORDS[1]}" in
${options.filter((line) => !/"\w+ \w[^"]*"\)/.test(line)).join("\n")}
    esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _capsuled capsuled`;
}

function fish(commands: readonly Command[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  return commands
    .map(({ name, summary }) => {
      const [first = "", second] = name.split(" ");
      return second === undefined
        ? `complete -c capsuled -n __fish_use_subcommand -f -a ${first} -d ${quoted(summary)}`
        : `complete -c capsuled -n __fish_use_subcommand -f -a ${first}\ncomplete -c capsuled -n '__fish_seen_subcommand_from ${first}' -f -a ${second} -d ${quoted(summary)}`;
    })
    .join("\n");
}
