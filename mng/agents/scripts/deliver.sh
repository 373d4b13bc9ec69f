# deliver AGENT INC KEY ORIGIN SIZE DIGEST DELAY PROOF PASTED   stdin: the text, SIZE bytes
# Types a message at most once. DELAY: seconds between paste and Enter. PROOF: seconds to wait for
# the agent's own evidence, 0 if its kind has none. PASTED=1: only Enter is missing, no text comes.
# Prints accepted | submitted | already | ended | gone | mode | draft | torn | long.
agent=$1 inc=$2 key=$3 origin=$4 size=$5 digest=$6 delay=$7 proof=$8 pasted=$9
lock_agent
text="agents/$agent/messages/$key"

# submit KEY ORIGIN: Enter for what stands pasted, and its entry in the ledger, in one command queue.
submit() {
    tm if-shell -F -t "$pane" \
        "#{&&:#{==:#{@mng_inc},$inc},#{&&:#{==:#{@mng_flight},$1},#{&&:#{==:#{pane_dead},0},#{==:#{pane_in_mode},0}}}}" \
        "send-keys -t $pane Enter ; set-option -p -a -t $pane @mng_ledger ' $1=s=$2' ; set-option -p -t $pane @mng_flight ''"
    look || { echo gone; exit 0; }
    [ "$flight" != "$1" ] || { if [ "$dead" = 1 ]; then echo ended; else echo mode; fi; exit 0; }
    note "submitted $1"
}

given() { case " $ledger " in *" $key="[san]=*) return 0 ;; esac; return 1; }
evidence() { n=$(grep -c "^$digest" "agents/$agent/evidence" 2>/dev/null) || :; echo "${n:-0}"; }
# Text that was not sent stands in its composer: the agent says so in a file with its process id.
drafted() { [ "$(cat "agents/$agent/draft" 2>/dev/null)" = "$pid" ]; }

look || { echo gone; exit 0; }
journal_start
! given || { echo already; exit 0; }
[ "$dead" != 1 ] || { echo ended; exit 0; }
[ "$mode" = 0 ] || { echo mode; exit 0; }
# Whoever pasted this has died, since the lock is ours: its Enter comes first.
if [ -n "$flight" ] && [ "$flight" != "$key" ]; then
    before=$(grep -o "begun $flight [a-z]*" "agents/$agent/journal" | tail -n 1 | cut -d' ' -f3)
    submit "$flight" "${before:-file}"
fi
if [ "$flight" != "$key" ]; then
    [ "$pasted" = 0 ] || { echo already; exit 0; }
    # Nobody of mng's types, since the lock is ours: what stands there is a person's.
    tries=40
    while drafted; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo draft; exit 0; }
        sleep 0.05
    done
    cat >"$text.part"
    # A client that died while sending left half a text.
    [ "$(wc -c <"$text.part")" -eq "$size" ] || { rm -f "$text.part"; echo torn; exit 0; }
    # A terminal that takes whole lines keeps no more of one.
    if LC_ALL=C awk 'length > 4095 { long = 1 } END { exit !long }' "$text.part" &&
        stty -a -F "$(tm display-message -p -t "$pane" '#{pane_tty}')" 2>/dev/null | grep -q '[; ]icanon'; then
        rm -f "$text.part"
        echo long
        exit 0
    fi
    mv "$text.part" "$text"
    note "begun $key $origin $digest $(evidence) $inc"
    tm load-buffer -b "mng.$agent.$key" "$text" \; if-shell -F -t "$pane" \
        "#{&&:#{==:#{@mng_inc},$inc},#{&&:#{==:#{@mng_flight},},#{&&:#{==:#{pane_dead},0},#{==:#{pane_in_mode},0}}}}" \
        "paste-buffer -p -r -d -b mng.$agent.$key -t $pane ; set-option -p -t $pane @mng_flight $key" \
        "delete-buffer -b mng.$agent.$key"
    look || { echo gone; exit 0; }
    if [ "$flight" != "$key" ]; then
        note "unbegun $key"
        if [ "$dead" = 1 ]; then echo ended; else echo mode; fi
        exit 0
    fi
fi
sleep "$delay"
submit "$key" "$origin"
[ "$proof" != 0 ] || { echo submitted; exit 0; }
base=$(grep "begun $key " "agents/$agent/journal" | tail -n 1 | cut -d' ' -f6)
tries=$((proof * 20))
while [ "$(evidence)" -le "${base:-0}" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo submitted; exit 0; }
    sleep 0.05
done
tm set-option -p -F -t "$pane" @mng_ledger "#{s/ $key=s=/ $key=a=/:@mng_ledger}" 2>/dev/null || :
note "accepted $key"
echo accepted
