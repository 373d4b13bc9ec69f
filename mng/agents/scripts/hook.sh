# hook EVENT [took [FILES]|told|edited TOOLS]   called by an agent's program with its JSON, one line, on stdin
# Leaves the last event as `event`, the conversation's id as `session`, and, of a text that was
# taken, the digest of its JSON form as a line of `evidence`, and of what stands before the line FILES,
# behind which a program puts the files that a text names; told: of those that the transcript tells
# of, which were taken in the middle of a turn; edited: the file that one of these tools has changed
# becomes a line of `edits`, of which the newest are kept. Prints nothing: a program may read it.
cd "$MNG_AGENT_DIR" 2>/dev/null || exit 0
umask 077
new=.event.$$
cat >"$new"
# after KEY [FILE]: the text that KEY has first, as it stands in the JSON
after() {
    LC_ALL=C awk -v key="\"$1\":\"" 'NR == 1 && (at = index($0, key)) {
        text = substr($0, at + length(key))
        match(text, /^([^"\\]|\\.)*/)
        printf "%s", substr(text, 1, RLENGTH)
    }' "${2:-$new}"
}
# taken [FILE]: what was said, without the blanks at its end: a program takes them from short texts alone
taken() { after prompt "$@" | LC_ALL=C sed 's/ *$//' | tr -d '\n'; }
digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
if id=$(after session_id) && [ -n "$id" ]; then
    echo "$id" >"$new.id"
    mv "$new.id" session
fi
if [ "${2:-}" = told ]; then
    log=$(after transcript_path)
    IFS=' ' read -r before path 2>/dev/null <told || :
    [ "${path:-}" = "$log" ] || before=0
    # Its lines are written a moment after they are said, the answer's behind those of all it was told.
    last=$(after last_assistant_message | LC_ALL=C cut -b 1-200) tries=30
    until [ -z "$last" ] || [ "$tries" = 0 ] ||
        sed -n "$((before + 1)),\$p" "$log" | grep '"type":"assistant"' | LC_ALL=C grep -qF -e "$last"; do
        tries=$((tries - 1))
        sleep 0.1
    done
    now=$(wc -l <"$log") && echo "$((now)) $log" >told
    sed -n "$((before + 1)),$((now))p" "$log" | grep '"type":"queued_command"' | while IFS= read -r line; do
        printf '%s\n' "$line" >"$new.line"
        taken "$new.line" | digest | cut -c1-16 >>evidence
    done
    rm -f "$new.line"
fi 2>/dev/null
if [ "${2:-}" = edited ] && after tool_name | grep -Eqx -e "$3"; then
    path=$(after file_path)
    case $path in /* | '') ;; *) path=$(after cwd)/$path ;; esac
    [ -z "$path" ] || echo "$(date +%s) $path" >>edits
    if [ "$(wc -l <edits)" -gt 200 ]; then tail -n 100 edits >"$new.edits" && mv "$new.edits" edits; fi
fi
{ echo "$(date +%s) $1"; head -c 4000 "$new"; echo; } >"$new.short"
mv "$new.short" event
# What is proved is work, so that whoever waits for the proof never finds the agent still idle.
if [ "${2:-}" = took ]; then
    said=$(taken)
    printf '%s' "$said" | digest | cut -c1-16 >>evidence
    case ${3:+$said} in *\\n"$3"*) printf '%s' "${said%%\\n"$3"*}" | digest | cut -c1-16 >>evidence ;; esac
fi
rm -f "$new"
