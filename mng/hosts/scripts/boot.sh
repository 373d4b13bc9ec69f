# boot HOME MARK RECORD SAVES BACK EVERY TIMEOUT   the sandbox's first process: it has its marks before
# it has anything else, and ends when it has lost them.
#
# SAVES: where what the host keeps of itself outlives it. BACK: what an ended one kept there, whose
# agents' directories this one begins with, or "". With the scripts in `keep` it watches the host:
# what has changed is kept soon, but not twice within EVERY seconds, and before its TIMEOUT seconds are
# over; and once all agents have been idle for the record's idle_timeout it keeps all, and ends.
home=$1 mark=$2 record=$3 saves=$4 back=$5 every=$6 timeout=$7
trap '' HUP INT
umask 077
now=$(date +%s)
expires=$((now + timeout))
mkdir -p "$home"
rm -rf "$home/saves" "$home/keep" "$home"/keep.* "$home/closing" "$home/sealed"
ln -s "$saves" "$home/saves"
if [ -n "$back" ]; then
    rm -rf "$home/agents"
    tar -xf "$saves/$back.tar" -C "$home" ./agents || exit 1
fi
# What ran when its host ended was stopped by that, and is no failure of its own.
for journal in "$home"/agents/*/journal; do
    [ -f "$journal" ] || continue
    ran=$(awk '$2 == "started" { ran = $3 } $2 ~ /^(exit|stopped)$/ && $3 == ran { ran = "" }
        END { print ran }' "$journal")
    [ -z "$ran" ] || echo "$now stopped $ran" >>"$journal"
done
printf %s "$record" |
    sed "s/^ \"created\": [0-9]*/ \"created\": $now/; s/^ \"expires\": [0-9]*/ \"expires\": $expires/" \
        >"$home/host.json"
printf %s "$mark" >"$home/id.new"
mv "$home/id.new" "$home/id"

keep() { # WHY
    if sh "$home/keep/run" "$1" >"$home/keep.log" 2>&1; then
        rm -f "$home/keep.failed"
    else
        tail -n 1 "$home/keep.log" >"$home/keep.failed"
        return 1
    fi
}

due() { # the next save comes after an interval, and twice more shortly before the end
    at=$((last + every))
    for left in $((every * 2 / 5)) $((every / 10)); do
        [ "$last" -ge $((expires - left)) ] || [ "$at" -le $((expires - left)) ] || at=$((expires - left))
    done
    [ "$(date +%s)" -ge "$at" ]
}

idle() { sh "$home/keep/idle" "$home" "$mark" "$limit" "$@" 2>&1; }

# What has changed is looked for more often: the first change after a pause need not wait so long.
peek=$((every / 15))
last=$((now - every + peek)) next=$now look=$now
while [ "$(cat "$home/id" 2>/dev/null)" = "$mark" ]; do
    sleep $((every > 20 ? 2 : 1))
    [ -e "$home/keep/run" ] && [ -e "$home/work.done" ] || continue
    if due && [ "$(date +%s)" -ge "$next" ]; then
        next=$(($(date +%s) + peek))
        if [ -n "$(sh "$home/keep/changed" "$home" "$mark" "$(cat "$home/keep/work")")" ]; then
            last=$(date +%s)
            keep work
        fi
    fi
    limit=$(sed -n 's/^  "idle_timeout": \([0-9][0-9]*\),*$/\1/p' "$home/host.json")
    [ -n "$limit" ] && [ "$(date +%s)" -ge "$look" ] || continue
    look=$(($(date +%s) + limit / 10))
    idle >"$home/keep.idle"
    if grep -qx idle "$home/keep.idle" && keep idle; then
        idle "$(cat "$home/keep/work")" >>"$home/keep.idle"
    fi
done
