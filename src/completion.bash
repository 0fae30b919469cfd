# Completion for bash: commands, options and their values, fits, files. All of it is read from the
# help of the program that is being typed. `. src/completion.bash` has it at once; `make install`
# puts it where bash-completion looks for it.

# Prints the names of the commands.
_gmmsweep_commands()
{
    local help line
    help=$("$1" help 2>/dev/null)
    help=${help#*Commands:$'\n'}
    while IFS= read -r line && [[ -n $line ]]; do
        [[ $line =~ ^'  '([a-z]+) ]] && echo "${BASH_REMATCH[1]}"
    done <<<"$help"
}

# Prints the names of the fits in the result files and folders among the words.
_gmmsweep_fits()
{
    local file
    for file in "${COMP_WORDS[@]:2}"; do
        [[ -e $file ]] && "$1" show --tsv -- "$file" 2>/dev/null | cut -f 2 | tail -n +2
    done
}

# Arguments: the program, the word to complete, the word before it. Without a reply bash completes
# names of files.
_gmmsweep()
{
    local program=$1 word=$2 before=$3 help line value='' names=() words=''
    local option='^ +(-.)?,? *(--[a-z-]+)( ([^ ]+))?'
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "$(_gmmsweep_commands "$program")" -- "$word"))
        return
    fi
    # bash takes --name=value for three words
    [[ $word == = ]] && word=
    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}

    help=$("$program" help "${COMP_WORDS[1]}" 2>/dev/null)
    while IFS= read -r line; do
        [[ $line =~ $option ]] || continue
        names+=("${BASH_REMATCH[2]}")
        [[ $before == "${BASH_REMATCH[1]}" || $before == "${BASH_REMATCH[2]}" ]] &&
            value=${BASH_REMATCH[4]}
    done <<<"$help"

    case $value in
    *[a-z]*) words=${value//|/ } ;;
    FIT) words=$(_gmmsweep_fits "$program") ;;
    KEY=VALUE)
        words=$("$program" params | awk 'NR > 1 { print $1 "=" }')
        compopt -o nospace 2>/dev/null
        ;;
    '')
        [[ $word == -* ]] && words=${names[*]}
        [[ $word != -* && $help == *'[COMMAND]'* ]] && words=$(_gmmsweep_commands "$program")
        ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}

complete -o default -F _gmmsweep gmmsweep
