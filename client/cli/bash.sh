
# __dht_words is _get_comp_words_by_ref of the package bash-completion, where that
# is not there: the words up to the cursor, which = and : do not divide.
__dht_words()
{
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local line=${COMP_LINE:0:COMP_POINT} i rest
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        [[ $i == "$COMP_CWORD" ]] && COMP_WORDS[i]=$rest
        if [[ $i -gt 0 && $rest == "$line" ]]; then
            words[${#words[@]} - 1]+=${COMP_WORDS[i]}
        else
            words+=("${COMP_WORDS[i]}")
        fi
        line=${rest#"${COMP_WORDS[i]}"}
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=${words[cword > 0 ? cword - 1 : 0]}
}

# __dht_filedir is the package's _filedir in the same way: folders, and files
# whose names end as asked.
__dht_filedir()
{
    if declare -F _filedir >/dev/null 2>&1; then
        _filedir "$@"
        return
    fi
    local IFS=$'\n'
    COMPREPLY+=($(compgen -d -- "$cur"))
    if [[ $1 != -d ]]; then
        COMPREPLY+=($(compgen -f -- "$cur" | while read -r name; do
            [[ -f $name && (-z $1 || $name =~ \.($1)$) ]] && echo "$name"
        done))
    fi
    compopt -o filenames 2>/dev/null
}
