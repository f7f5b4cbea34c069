import { COMPLETE } from "./answer.ts";

/** Of bash and zsh: the program of the package or clone in which somebody is, which `npx` would start. */
const HERE = `_capsuled_here() {
  local dir=$PWD
  until [[ -x $dir/node_modules/.bin/capsuled ]]; do
    [[ -n $dir ]] || return 1
    dir=\${dir%/*}
  done
  echo "$dir/node_modules/.bin/capsuled"
}`;

/**
 * What a shell evaluates. All of them ask the program as it was typed, so that what it knows of commands and capsules is never older
 * than it. Words are cut at blanks in bash, which cuts them at colons by itself.
 */
export const SCRIPTS = {
  bash: `${HERE}
_capsuled() {
  local line="\${COMP_LINE:0:COMP_POINT}" program="\${COMP_WORDS[0]}" current kind candidate head=
  local -a words files
  # Without -r: a blank behind a backslash does not end a word.
  read -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="\${words[\${#words[@]}-1]}"
  if [[ $program == npx ]]; then
    if [[ \${words[1]} != capsuled || \${#words[@]} -lt 3 ]] || ! program=$(_capsuled_here); then
      compopt -o default 2>/dev/null
      return
    fi
    words=("\${words[@]:1}")
  fi
  COMPREPLY=()
  {
    IFS= read -r kind
    while IFS=$'\\t' read -r candidate _; do COMPREPLY+=("$candidate"); done
  } < <("$program" ${COMPLETE} -- "\${words[@]:1}" 2>/dev/null)
  if [[ $kind == files ]]; then
    # Names may have any character, line ends too.
    [[ $current == '~/'* ]] && current=$HOME/\${current:2} head='~/'
    files=("$current"*)
    for candidate in "\${files[@]}"; do
      [[ -e $candidate || -L $candidate ]] || continue
      [[ -d $candidate ]] && candidate+=/
      [[ -n $head ]] && candidate=\${candidate#"$HOME/"}
      printf -v candidate %q "$candidate"
      COMPREPLY+=("$head$candidate")
    done
  fi
  [[ \${COMPREPLY[0]} == *[:/=] ]] && compopt -o nospace 2>/dev/null
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    head="\${current%"\${current##*:}"}"
    COMPREPLY=("\${COMPREPLY[@]#"$head"}")
  fi
}
complete -F _capsuled capsuled
complete -p npx >/dev/null 2>&1 || complete -F _capsuled npx`,
  zsh: `#compdef capsuled
${HERE}
_capsuled() {
  local -a lines spaced open
  local kind line word about program=\${(Q)words[1]}
  if [[ $program == npx ]]; then
    if [[ \${words[2]} != capsuled ]] || (( CURRENT < 3 )) || ! program=$(_capsuled_here); then
      _default
      return
    fi
    shift words
    (( CURRENT-- ))
  fi
  lines=("\${(@f)$("$program" ${COMPLETE} -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  kind=\${lines[1]}
  for line in "\${(@)lines[2,-1]}"; do
    [[ -n $line ]] || continue
    word=\${line%%$'\\t'*}
    about=\${line#*$'\\t'}
    [[ $line == *$'\\t'* ]] && about=":$about" || about=
    if [[ $word == *[:/=] ]]; then open+=("\${word//:/\\\\:}$about"); else spaced+=("\${word//:/\\\\:}$about"); fi
  done
  local found=1
  (( \${#spaced} )) && _describe -t capsuled capsuled spaced && found=0
  (( \${#open} )) && _describe -t capsuled capsuled open -S '' && found=0
  [[ $kind == files ]] && _files && found=0
  return found
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
compdef _capsuled capsuled
(( $+_comps[npx] )) || compdef _capsuled npx`,
  fish: `function __capsuled_ask
  set -l words (commandline -opc)
  set -l current (commandline -ct | string unescape)
  set -l asked (commandline -cp) (date +%s)
  test "$__capsuled_asked" = "$asked"; and return
  set -g __capsuled_asked "$asked"
  set -l program $words[1]
  if test "$program" = npx
    set program (__capsuled_here)
    set -e words[1]
  end
  set -g __capsuled_lines
  test -n "$program"; and set -g __capsuled_lines ($program ${COMPLETE} -- $words[2..-1] "$current" 2>/dev/null)
end
function __capsuled_here
  set -l dir $PWD
  while not test -x $dir/node_modules/.bin/capsuled
    test "$dir" = / -o -z "$dir"; and return 1
    set dir (string replace -r '/[^/]*$' '' $dir)
  end
  echo $dir/node_modules/.bin/capsuled
end
function __capsuled_by_npx
  set -l words (commandline -opc)
  test "$words[2]" = capsuled
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
complete -c capsuled -n __capsuled_takes_files -F
complete -c npx -n __capsuled_by_npx -f -a '(__capsuled_words)'
complete -c npx -n '__capsuled_by_npx; and __capsuled_takes_files' -F`,
} as const;
