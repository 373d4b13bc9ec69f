# deliver AGENT INC KEY ORIGIN SIZE DIGEST DELAY PROOF PASTED [EMPTY THERE DIALOG LABEL]
# stdin: the text, SIZE bytes
# Types a message at most once. DELAY: seconds between paste and Enter. PROOF: seconds to wait for
# the agent's own evidence, 0 if its kind has none. PASTED=1: only Enter is missing, no text comes.
# EMPTY THERE DIALOG LABEL: how its composer is told, see kind.py; without them it is not looked at.
# `inbox` alone: it takes texts from files, and no key is sent. A file's name lets it come but once.
# Prints accepted | submitted | already | ended | gone | mode | draft | dialog | behind | unsent
# | uncertain | torn | long.
agent=$1 inc=$2 key=$3 origin=$4 size=$5 digest=$6 delay=$7 proof=$8 pasted=$9
shift 9
empty=${1:-} there=${2:-} last=${3:-} label=${4:-}
esc=$(printf '\033')
lock_agent
press=1
[ "$empty" != inbox ] || press=''
text="agents/$agent/messages/$key"

# submit KEY ORIGIN: Enter for what stands pasted, if it is to be pressed, and its entry in the ledger,
# in one command queue.
submit() {
    if [ "$empty" = inbox ] && [ ! -e "agents/$agent/taken/$1" ]; then
        mkdir -p "agents/$agent/inbox"
        cp "agents/$agent/messages/$1" "agents/$agent/.$1"
        mv "agents/$agent/.$1" "agents/$agent/inbox/$1"
    fi
    if [ -n "$press" ]; then enter="send-keys -t $pane Enter ; "; else enter=''; fi
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
plain() { LC_ALL=C sed -e "s/$esc\[[0-9;:]*m//g" -e 's/[[:cntrl:]]//g'; }
lit() {
    LC_ALL=C sed -E \
        "s/($esc\[7m($esc\[[349][0-9;:]*m)*[^$esc]{1,4})?$esc\[([013479];)*2m($esc\[[349][0-9;:]*m|[^$esc])*//g" |
        plain
}
composer() {
    screen=$(tm capture-pane -p -e -t "$pane")
    ! printf '%s\n' "$screen" | plain | grep '[^ ]' | tail -n 1 | grep -Eq -e "$last" || return 0
    screen=$(printf '%s\n' "$screen" | lit | grep '[^ ]') || return 0
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
# bare: without blanks. A program and tmux may show other than ASCII in another form: each word that
# has any is \001, what looks like a blank is one, and what has no width is left out.
wide=$(printf '\302\240') cell=$(printf '\342\240\200')
none=$(printf '\342\200\213') joiner=$(printf '\342\201\240') one=$(printf '\001')
bare() {
    LC_ALL=C tr '\000-\011\013-\037\177' ' ' |
        LC_ALL=C sed -e "s/$wide/ /g" -e "s/$cell/ /g" -e "s/$none//g" -e "s/$joiner//g" |
        LC_ALL=C tr '\200-\377' '\001' |
        LC_ALL=C sed -e "s/[^ ]*$one[^ ]*/$one/g" -e 's/ //g'
}
# seek KEY: sets what of its text `standing` looks for: the end of its last line, 20 characters of
# ASCII; a program may show a label in the place of what is long.
seek() {
    file="agents/$agent/messages/$1"
    IFS=' ' read -r cut odd end <<EOF
$(bare <"$file" | LC_ALL=C awk 'NF { end = $0 } END {
    odd = end ~ /\001$/
    gsub(/\001/, "", end)
    cut = length(end) > 20
    print cut, odd, cut ? substr(end, length(end) - 19) : end
}')
EOF
    [ "$(wc -c <"$file")" -gt 200 ] || [ "$(wc -l <"$file")" -gt 0 ] || { long=0; return 0; }
    long=1
}
# standing TRIES: how the text stands in the composer, of which the cursor's row is the last: whole;
# more, where someone has typed on behind it; other, where something else is there; or nothing.
standing() {
    tries=$1
    while :; do
        it=''
        [ "$(composer)" != filled ] || it=$(compared)
        case $it in '' | whole) break ;; esac
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || break
        sleep 0.05
    done
    echo "$it"
}
compared() {
    tm display-message -p -t "$pane" '#{cursor_y}' \; capture-pane -p -e -t "$pane" | lit | bare |
        SOUGHT="$end" LABEL="$label" LC_ALL=C awk -v cut="$cut" -v odd="$odd" -v long="$long" '
            NR == 1 { last = $0 + 2 }
            NR > 1 && NR <= last && NR > last - 4 { row[++n] = $0 }
            END {
                text = ENVIRON["SOUGHT"]
                size = length(text)
                if (!odd) sub(/\001+$/, "\002", row[n]) # no part of the text stands behind its end
                for (i = n; i; i--) {
                    gsub(/\001/, "", row[i])
                    shown = row[i] shown
                    # What is short has its rows for itself, behind the glyph of a prompt.
                    for (glyph = shown ~ /^[>!*]/; !cut && glyph >= 0; glyph--) {
                        one = substr(shown, 1 + glyph)
                        if (one == text) whole = 1
                        else if (substr(one, 1, size) == text) more = 1
                    }
                }
                if (cut && substr(shown, length(shown) - size + 1) == text) whole = 1
                else if (cut && index(shown, text)) more = 1
                while (n > 1 && row[n] == "") n-- # an Enter that came too early is a new line
                if (long && match(row[n], ENVIRON["LABEL"])) {
                    if (RSTART + RLENGTH > length(row[n])) whole = 1
                    else more = 1
                }
                print whole ? "whole" : more ? "more" : "other"
            }'
}
# enter_again: while the text stands in the composer, Enter was not taken, and it alone is repeated.
# What else stands there has been typed since, by someone who has not finished it.
enter_again() {
    for again in 1 2 3 4; do
        tries=30
        while [ "$(evidence)" -le "${base:-0}" ] && [ "$(standing 5)" = whole ]; do
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
stands() { [ "$(standing 5)" = whole ] || { sleep 0.1; [ "$(standing 5)" = whole ]; }; }
# proved: its evidence has come, for which it has PROOF seconds
proved() {
    tries=$((proof * 20))
    while [ "$(evidence)" -le "${base:-0}" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}
unsent() {
    tm set-option -p -F -t "$pane" @mng_ledger "#{s/ $key=s=[a-z]*//:@mng_ledger}" \; \
        set-option -p -t "$pane" @mng_flight "$key"
    note "begun $key $origin $digest $base $inc $(begun 8)"
    echo unsent
    exit 0
}
begun() { grep "begun $key " "agents/$agent/journal" | tail -n 1 | cut -d' ' -f"$1"; }

look || { echo gone; exit 0; }
journal_start
! given || { echo already; exit 0; }
[ "$dead" != 1 ] || { echo ended; exit 0; }
[ "$mode" = 0 ] || { echo mode; exit 0; }
# Whoever pasted this has died, since the lock is ours: its Enter comes first.
if [ -n "$flight" ] && [ "$flight" != "$key" ]; then
    if [ -n "$there" ]; then
        seek "$flight"
        case $(standing 5) in
        whole) press=1 ;;
        '') echo uncertain; exit 0 ;;
        *) echo draft; exit 0 ;;
        esac
    fi
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
    note "begun $key $origin $digest $(evidence) $inc $proof"
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
base=$(begun 6)
if [ -n "$there" ]; then
    seek "$key"
    it=$(standing 20)
    [ "$it" != other ] || it=$(standing 40) # it may not be drawn yet
    # Nothing of it stands there any more where someone was faster, and Enter would mean another thing.
    if [ "$it" != whole ] && [ "$(evidence)" -gt "${base:-0}" ]; then it=''; fi
    case $it in
    more) echo behind; exit 0 ;; # whoever types on has not finished: nothing of it is sent
    other) echo uncertain; exit 0 ;;
    '') press='' ;;
    esac
fi
submit "$key" "$origin"
for round in 1 2 3; do
    [ -z "$there" ] || enter_again || unsent
    [ "$proof" != 0 ] || { echo submitted; exit 0; }
    proved && break
    # It may have stood there all the time, on a screen that was just being drawn anew.
    [ -n "$there" ] && stands || { echo submitted; exit 0; }
    [ "$round" != 3 ] || unsent
done
tm set-option -p -F -t "$pane" @mng_ledger "#{s/ $key=s=/ $key=a=/:@mng_ledger}" 2>/dev/null || :
note "accepted $key"
echo accepted
