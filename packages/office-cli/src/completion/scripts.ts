/**
 * What makes a shell ask `office complete -- WORDS...` when Tab is pressed, the last word being the one that is completed.
 * The answer is a candidate a line, with a tab and a description, or `:files`. Words go there as arguments: nothing that
 * was typed is evaluated, and whatever `office` was called as is called.
 */
export const SCRIPTS = {
  bash: `_office_complete() {
  local line word
  COMPREPLY=()
  while IFS= read -r line; do
    [ "$line" = ":files" ] && continue
    word=\${line%%$'\\t'*}
    COMPREPLY+=("$(printf '%q' "$word")")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [[ \${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -o default -F _office_complete office
`,
  zsh: `_office_complete() {
  local line
  local -a found settings
  while IFS= read -r line; do
    [[ "$line" == ":files" ]] && { _files; return }
    line="\${\${line//\\\\/\\\\\\\\}//:/\\\\:}"
    line="\${line/$'\\t'/:}"
    if [[ "\${line%%:*}" == *= ]]; then settings+=("$line"); else found+=("$line"); fi
  done < <("\${words[1]}" complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#settings )) && _describe -V office settings -S ''
  (( $#found )) && _describe -V office found
}
compdef _office_complete office
`,
  fish: `function __office_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] complete -- $words[2..] "$current" 2>/dev/null)
    if contains -- ":files" $found
        __fish_complete_path "$current"
    else
        printf '%s\\n' $found
    end
end
complete -c office -f -a '(__office_complete)'
`,
} as const;

export type Shell = keyof typeof SCRIPTS;
export const SHELLS = Object.keys(SCRIPTS) as Shell[];
