# messages AGENT   prints, for each message kept beside the agent, its key, size and text
agent=$1
[ -d "agents/$agent" ] || { echo gone >&2; exit 66; }
for file in "agents/$agent"/messages/*; do
    [ -f "$file" ] || continue
    case $file in *.part) continue ;; esac
    printf '%s %s\n' "${file##*/}" "$(wc -c <"$file" | tr -d ' ')"
    cat "$file"
    echo
done
