import { COMPLETE } from "./answer.ts";

/**
 * What a shell evaluates. All of them ask the program as it was typed, so that what it knows of commands and capsules is never older
 * than it. Words are cut at blanks in bash, which cuts them at colons by itself.
 */
export const SCRIPTS = {
  bash: `_capsuled() {
  local line="\${COMP_LINE:0:COMP_POINT}" program="\${COMP_WORDS[0]}" current kind candidate head
  local -a words
  # Without -r: a blank behind a backslash does not end a word.
  read -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="\${words[\${#words[@]}-1]}"
  COMPREPLY=()
  {
    IFS= read -r kind
    while IFS=$'\\t' read -r candidate _; do COMPREPLY+=("$candidate"); done
  } < <("$program" ${COMPLETE} -- "\${words[@]:1}" 2>/dev/null)
  if [[ $kind == files ]]; then
    while IFS= read -r candidate; do
      [[ -d \${candidate/#\\~/~} ]] && candidate+=/
      printf -v candidate %q "$candidate"
      COMPREPLY+=("\${candidate/#\\\\\\~/\\~}")
    done < <(compgen -f -- "$current")
  fi
  [[ \${COMPREPLY[0]} == *[:/] ]] && compopt -o nospace 2>/dev/null
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    head="\${current%"\${current##*:}"}"
    COMPREPLY=("\${COMPREPLY[@]#"$head"}")
  fi
}
complete -F _capsuled capsuled`,
  zsh: `#compdef capsuled
_capsuled() {
  local -a lines spaced open
  local kind line word about
  lines=("\${(@f)$("\${(Q)words[1]}" ${COMPLETE} -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  kind=\${lines[1]}
  for line in "\${(@)lines[2,-1]}"; do
    [[ -n $line ]] || continue
    word=\${line%%$'\\t'*}
    about=\${line#*$'\\t'}
    [[ $line == *$'\\t'* ]] && about=":$about" || about=
    if [[ $word == *[:/] ]]; then open+=("\${word//:/\\\\:}$about"); else spaced+=("\${word//:/\\\\:}$about"); fi
  done
  local found=1
  (( \${#spaced} )) && _describe -t capsuled capsuled spaced && found=0
  (( \${#open} )) && _describe -t capsuled capsuled open -S '' && found=0
  [[ $kind == files ]] && _files && found=0
  return found
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
compdef _capsuled capsuled`,
  fish: `function __capsuled_ask
  set -l words (commandline -opc)
  set -l current (commandline -ct | string unescape)
  set -l asked (commandline -cp) (date +%s)
  test "$__capsuled_asked" = "$asked"; and return
  set -g __capsuled_asked "$asked"
  set -g __capsuled_lines ($words[1] ${COMPLETE} -- $words[2..-1] "$current" 2>/dev/null)
end
function __capsuled_words
  __capsuled_ask
  test (count $__capsuled_lines) -gt 1; and printf '%s\\n' $__capsuled_lines[2..-1]
end
function __capsuled_takes_files
  __capsuled_ask
  test "$__capsuled_lines[1]" = files
end
complete -c capsuled -e
complete -c capsuled -f -a '(__capsuled_words)'
complete -c capsuled -n __capsuled_takes_files -F`,
} as const;
