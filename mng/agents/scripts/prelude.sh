# Common to every verb. Called as: sh -c SCRIPT mng HOME MARK ARG...
# It starts in the host's home, and does nothing on a host that has not this mark: a plan may be stale.
set -eu
mask=$(umask) # the user's, for what runs in the work tree; what lies beside it is nobody else's
umask 077
home=$1 mark=$2
shift 2
cd "$home" 2>/dev/null && [ "$(cat id 2>/dev/null)" = "$mark" ] || { echo gone; exit 66; }
unset TMUX TMUX_PANE

# The socket is named relative to the home: an absolute path may be longer than a socket's may be.
tm() { tmux -u -f tmux.conf -S tmux "$@" 7>&- 8>&- 9>&-; }

# lock FD FILE [-s]: wait for a lock that ends with this process, however it ends.
lock() {
    mkdir -p locks
    eval "exec $1>>$2"
    if command -v flock >/dev/null; then
        flock -w 60 ${3:-} "$1" || { echo locked; exit 75; }
    else # macOS has no flock(1), and perl locks the same open file
        perl -e 'use Fcntl ":flock"; open(F, ">&=", $ARGV[0]) and flock(F, $ARGV[1] ? LOCK_SH : LOCK_EX) or exit 75' \
            "$1" "${3:-}" || { echo locked; exit 75; }
    fi
}
lock_agent() { lock 8 "locks/$agent"; }

# receive FILE SIZE: stdin becomes the file, unless its sender died on the way.
receive() {
    cat >"$1.part"
    [ "$(wc -c <"$1.part")" -eq "$2" ] || { rm -f "$1.part"; echo torn; exit 65; }
    mv "$1.part" "$1"
}

note() { printf '%s %s\n' "$(date +%s)" "$*" >>"agents/$agent/journal"; }

# pane_of AGENT: its pane, whatever a person has called its session.
pane_of() { tm list-panes -a -F '#{@mng_agent} #{pane_id}' 2>/dev/null | sed -n "s/^$1 //p" | head -n 1; }

# look: sets pane dead mode flight ledger of incarnation $inc, or fails.
look() {
    found=$(tm list-panes -a -F '#{@mng_agent}|#{@mng_inc}|#{pane_id}|#{pane_pid}|#{pane_dead}|#{pane_in_mode}|#{@mng_flight}|#{@mng_ledger}' 2>/dev/null |
        grep "^$agent|$inc|") || return 1
    IFS='|' read -r _ _ pane pid dead mode flight ledger <<EOF
$found
EOF
}

# A start that died before its last line left its session, which only now comes into the journal.
journal_start() { grep -qs " started $inc " "agents/$agent/journal" || note "started $inc $pid$ledger"; }

# The processes that came from process $1, itself included: its session's, and its descendants.
tree() {
    ps -A -o pid= -o ppid= -o sess= | awk -v root="$1" '
        { parent[$1] = $2; if ($3 == root) mine[$1] }
        END {
            mine[root]
            for (again = 1; again;) {
                again = 0
                for (p in parent) if (!(p in mine) && (parent[p] in mine)) { mine[p]; again = 1 }
            }
            for (p in mine) if (p in parent) print p
        }'
}

# link_only INC: of the names that agents/$agent has had by incarnation, keeps this one; "" keeps none.
# A process finds its directory by agents/.INC, which stays right when the agent is renamed.
link_only() {
    for link in agents/.*; do
        [ "$(readlink "$link")" != "$agent" ] || [ "$link" = "agents/.$1" ] || rm -f "$link"
    done
    [ -z "$1" ] || ln -sfn "$agent" "agents/.$1"
}

# strays INC: the processes of that incarnation wherever they went, known by their environment: those
# that left its tree, or outlived its session. Linux tells; INC may be '*'.
strays() {
    for link in agents/.$1; do
        [ "$(readlink "$link")" = "$agent" ] || continue
        grep -lzxF -e "MNG_AGENT_DIR=$home/$link" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3
    done
}

# end_all PID...   asks them to end, and ends those that don't.
end_all() {
    for signal in TERM HUP; do
        for one; do kill -s "$signal" "$one" 2>/dev/null || :; done
    done
    tries=0 alive=$*
    while [ -n "$alive" ] && [ "$tries" -lt 100 ]; do
        # One look at all of them: a ps for each would make a large tree outlive its time.
        alive=$(ps -A -o pid= -o stat= |
            awk -v left="$*" '
                BEGIN { n = split(left, one); for (i = 1; i <= n; i++) wanted[one[i]] }
                $1 in wanted && $2 !~ /^Z/ { print $1 }')
        [ -z "$alive" ] || sleep 0.05
        tries=$((tries + 1))
        # What was killed is dead a moment later, and is waited for as well.
        [ "$tries" -lt 60 ] || for one in $alive; do kill -s KILL "$one" 2>/dev/null || :; done
    done
}

# end_session INC: ends its processes, keeps what it printed, and removes its tmux session.
end_session() {
    inc=$1 pane=''
    if look; then
        journal_start
        { tm capture-pane -p -J -S - -t "$pane" 2>/dev/null || :; } >>"agents/$agent/log"
        [ "$dead" = 1 ] || end_all $(tree "$pid")
    fi
    end_all $(strays "$inc")
    [ -z "$pane" ] || tm if-shell -F -t "$pane" "#{==:#{@mng_inc},$inc}" "kill-session -t $pane" 2>/dev/null || :
}
