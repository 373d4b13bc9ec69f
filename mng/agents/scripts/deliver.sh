# deliver AGENT INC KEY ORIGIN SIZE DIGEST DELAY PROOF PASTED [EMPTY THERE DIALOG]
# stdin: the text, SIZE bytes
# Types a message at most once. DELAY: seconds between paste and Enter. PROOF: seconds to wait for
# the agent's own evidence, 0 if its kind has none. PASTED=1: only Enter is missing, no text comes.
# EMPTY THERE DIALOG: how its composer is told, see kind.py; without them it is not looked at.
# `inbox` alone: it takes texts from files, and no key is sent. A file's name lets it come but once.
# Prints accepted | submitted | already | ended | gone | mode | draft | dialog | unsent | uncertain
# | torn | long.
agent=$1 inc=$2 key=$3 origin=$4 size=$5 digest=$6 delay=$7 proof=$8 pasted=$9
shift 9
empty=${1:-} there=${2:-} last=${3:-}
esc=$(printf '\033')
lock_agent
text="agents/$agent/messages/$key"

# submit KEY ORIGIN: Enter for what stands pasted, and its entry in the ledger, in one command queue.
submit() {
    if [ "$empty" = inbox ] && [ ! -e "agents/$agent/taken/$1" ]; then
        mkdir -p "agents/$agent/inbox"
        cp "agents/$agent/messages/$1" "agents/$agent/.$1"
        mv "agents/$agent/.$1" "agents/$agent/inbox/$1"
    fi
    # Nothing of it stands there any more where someone was faster, and Enter would mean another thing.
    if [ "$empty" = inbox ] || { [ -n "$there" ] && [ "$(composer)" != filled ]; }; then enter=''; else enter="send-keys -t $pane Enter ; "; fi
    tm if-shell -F -t "$pane" \
        "#{&&:#{==:#{@mng_inc},$inc},#{&&:#{==:#{@mng_flight},$1},#{&&:#{==:#{pane_dead},0},#{==:#{pane_in_mode},0}}}}" \
        "${enter}set-option -p -a -t $pane @mng_ledger ' $1=s=$2' ; set-option -p -t $pane @mng_flight ''"
    look || { echo gone; exit 0; }
    [ "$flight" != "$1" ] || { if [ "$dead" = 1 ]; then echo ended; else echo mode; fi; exit 0; }
    note "submitted $1"
}

given() { case " $ledger " in *" $key="[san]=*) return 0 ;; esac; return 1; }
evidence() { n=$(grep -c "^$digest" "agents/$agent/evidence" 2>/dev/null) || :; echo "${n:-0}"; }
# Text that was not sent stands in its composer: the agent says so in a file with its process id.
drafted() { [ "$(cat "agents/$agent/draft" 2>/dev/null)" = "$pid" ]; }

# composer: empty, filled, or nothing where a dialog or something else has its place
plain() { LC_ALL=C sed -e "s/$esc\[[0-9;:]*m//g" -e 's/[[:cntrl:]]//g' | grep '[^ ]'; }
composer() {
    screen=$(tm capture-pane -p -e -t "$pane")
    ! printf '%s\n' "$screen" | plain | tail -n 1 | grep -Eq -e "$last" || return 0
    screen=$(printf '%s\n' "$screen" | LC_ALL=C sed -E \
        "s/($esc\[7m($esc\[[349][0-9;:]*m)*[^$esc]{1,4})?$esc\[([013479];)*2m($esc\[[349][0-9;:]*m|[^$esc])*//g" |
        plain) || return 0
    if printf '%s\n' "$screen" | grep -Eq -e "$empty"; then echo empty
    elif printf '%s\n' "$screen" | grep -Eq -e "$there"; then echo filled; fi
}
# until_it_is STATE TRIES: waits for the composer, 0.05 s and a look for each try
until_it_is() {
    tries=$2
    until [ "$(composer)" = "$1" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}
# enter_again: while the text stands in the composer, Enter was not taken, and it alone is repeated.
enter_again() {
    for again in 1 2 3 4; do
        tries=30
        while [ "$(composer)" = filled ] && [ "$(evidence)" -le "${base:-0}" ]; do
            tries=$((tries - 1))
            [ "$tries" -gt 0 ] || break
            sleep 0.05
        done
        [ "$tries" = 0 ] || return 0
        [ "$again" = 4 ] || tm if-shell -F -t "$pane" \
            "#{&&:#{==:#{@mng_inc},$inc},#{&&:#{==:#{pane_dead},0},#{==:#{pane_in_mode},0}}}" \
            "send-keys -t $pane Enter"
    done
    return 1
}
begun() { grep "begun $key " "agents/$agent/journal" | tail -n 1 | cut -d' ' -f"$1"; }

look || { echo gone; exit 0; }
journal_start
! given || { echo already; exit 0; }
[ "$dead" != 1 ] || { echo ended; exit 0; }
[ "$mode" = 0 ] || { echo mode; exit 0; }
# Whoever pasted this has died, since the lock is ours: its Enter comes first.
if [ -n "$flight" ] && [ "$flight" != "$key" ]; then
    [ -z "$there" ] || until_it_is filled 1 || { echo uncertain; exit 0; }
    before=$(grep -o "begun $flight [a-z]*" "agents/$agent/journal" | tail -n 1 | cut -d' ' -f3)
    submit "$flight" "${before:-file}"
fi
# What was pasted into a dialog was dropped; with the composer back it has never been there.
if [ "$flight" = "$key" ] && [ -n "$there" ]; then
    digest=$(begun 5)
    if [ "$(evidence)" -gt "$(begun 6)" ]; then
        :
    elif [ -z "$(composer)" ]; then
        echo dialog
        exit 0
    elif [ "$(composer)" = empty ]; then
        grep -q " swallowed $key\$" "agents/$agent/journal" || { echo uncertain; exit 0; }
        tm set-option -p -t "$pane" @mng_flight ''
        flight='' pasted=2
    fi
fi
if [ "$flight" != "$key" ]; then
    [ "$pasted" != 1 ] || { echo already; exit 0; }
    # Nobody of mng's types, since the lock is ours: what stands there is a person's.
    tries=40
    while drafted; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo draft; exit 0; }
        sleep 0.05
    done
    [ -z "$there" ] || until_it_is empty 40 || {
        if [ "$(composer)" = filled ]; then echo draft; else echo dialog; fi
        exit 0
    }
    if [ "$pasted" = 0 ]; then
        cat >"$text.part"
        # A client that died while sending left half a text.
        [ "$(wc -c <"$text.part")" -eq "$size" ] || { rm -f "$text.part"; echo torn; exit 0; }
        # A terminal that takes whole lines keeps no more of one.
        if LC_ALL=C awk 'length > 4095 { long = 1 } END { exit !long }' "$text.part" &&
            stty -a -F "$(tm display-message -p -t "$pane" '#{pane_tty}')" 2>/dev/null |
            grep -q '[; ]icanon'; then
            rm -f "$text.part"
            echo long
            exit 0
        fi
        mv "$text.part" "$text"
    fi
    note "begun $key $origin $digest $(evidence) $inc"
    if [ "$empty" = inbox ]; then put=delete-buffer; else put="paste-buffer -p -r -d -t $pane"; fi
    tm load-buffer -b "mng.$agent.$key" "$text" \; if-shell -F -t "$pane" \
        "#{&&:#{==:#{@mng_inc},$inc},#{&&:#{==:#{@mng_flight},},#{&&:#{==:#{pane_dead},0},#{==:#{pane_in_mode},0}}}}" \
        "$put -b mng.$agent.$key ; set-option -p -t $pane @mng_flight $key" \
        "delete-buffer -b mng.$agent.$key"
    look || { echo gone; exit 0; }
    if [ "$flight" != "$key" ]; then
        note "unbegun $key"
        if [ "$dead" = 1 ]; then echo ended; else echo mode; fi
        exit 0
    fi
fi
sleep "$delay"
if [ -n "$there" ] && [ "$(evidence)" -le "$(begun 6)" ] && ! until_it_is filled 100; then
    [ -z "$(composer)" ] || { echo uncertain; exit 0; }
    note "swallowed $key"
    echo dialog
    exit 0
fi
submit "$key" "$origin"
base=$(begun 6)
if [ -n "$there" ] && ! enter_again; then
    tm set-option -p -F -t "$pane" @mng_ledger "#{s/ $key=s=[a-z]*//:@mng_ledger}" \; \
        set-option -p -t "$pane" @mng_flight "$key"
    note "begun $key $origin $digest $base $inc"
    echo unsent
    exit 0
fi
[ "$proof" != 0 ] || { echo submitted; exit 0; }
tries=$((proof * 20))
while [ "$(evidence)" -le "${base:-0}" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo submitted; exit 0; }
    sleep 0.05
done
tm set-option -p -F -t "$pane" @mng_ledger "#{s/ $key=s=/ $key=a=/:@mng_ledger}" 2>/dev/null || :
note "accepted $key"
echo accepted
