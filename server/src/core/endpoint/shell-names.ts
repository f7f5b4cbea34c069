/** Variables that a shell, the loader or the capsule itself reads: an argument must not set them. */
const RESERVED = new Set([
  ..."PATH HOME USER LOGNAME SHELL PWD OLDPWD TMPDIR TERM LANG LANGUAGE IFS ENV BASH_ENV BASHOPTS SHELLOPTS CDPATH GLOBIGNORE".split(" "),
  ..."PS1 PS2 PS4 PROMPT_COMMAND OPTARG OPTIND OPTERR PPID UID EUID GCONV_PATH HOSTALIASES LOCPATH NLSPATH __proto__ _".split(" "),
]);

/** The variable by which `shell: true` gives an argument to its command: its name, with `_` for `-`. */
export function variableOf(argName: string): string {
  return argName.replaceAll("-", "_");
}

export function isReservedVariable(name: string): boolean {
  return RESERVED.has(name) || /^(?:LD_|LC_|MALLOC_|GLIBC_|BASH_FUNC_|CAPSULED_)/.test(name);
}

const SHELL_WORDS = new Set(
  "! { } case do done elif else esac fi for if in then until while . : alias break cd continue eval exec exit export readonly return set shift source times trap ulimit umask unset".split(
    " ",
  ),
);

/** Words at a command's start that only a shell understands. */
export function isShellWord(word: string): boolean {
  return SHELL_WORDS.has(word) || /^[A-Za-z_][A-Za-z0-9_]*=/.test(word);
}
