# observe NONCE [AGENT...]   prints all that is known of this host; of the named agents, the screen too.
# Changes nothing. Lines: `now T nonce NONCE`, `fact NAME TEXT`, `FILE:LINE` for journals and records, `pane ...`,
# `buffer NAME`, `tmux MESSAGE` if it can't be asked, and NONCE before each screen, with what was in flight and in the ledger when it was taken.
nonce=$1
shift
now=$(date +%s)
echo "now $now nonce $nonce"
for fact in host.json work.done setup.done setup.failed closing keep.failed; do
    [ ! -f "$fact" ] || { printf 'fact %s ' "$fact"; tr '\n' ' ' <"$fact"; echo; }
done
looking=" $* "
set --
for file in agents/*/*.json agents/*/journal agents/*/evidence agents/*/edits agents/*/draft \
    agents/*/event agents/*/home/sessions/*.json; do
    [ ! -f "$file" ] || set -- "$@" "$file"
done
# awk names the file of each line in one process. By getline, for one that is removed meanwhile
# must not hide those that come after it. One that is empty is told from one that is not there.
[ $# = 0 ] || LC_ALL=C awk 'BEGIN {
    for (n = 1; n < ARGC; n++) {
        lines = 0
        while ((there = getline line <ARGV[n]) > 0) { print ARGV[n] ":" line; lines++ }
        if (!lines && there == 0) print ARGV[n] ":"
    }
}' "$@" 2>/dev/null || :
[ "${quick:-}" = 1 ] && exit 0
format='pane #{@mng_agent}|#{pane_id}|#{pane_pid}|#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}|#{pane_dead_time}|#{session_created}|#{window_activity}|#{C/r:[^ ]}|#{pane_in_mode}|#{@mng_inc}|#{@mng_session}|#{@mng_flight}|#{@mng_ledger}|#{session_name}'
# The list of buffers fails where there are none, so it comes last.
list() { panes=$(tm list-panes -a -F "$format" \; list-buffers -F 'buffer #{buffer_name}' 2>&1) || :; }
list
# tmux can miss a child's end (its issue 311); the end of any other child lets it look again.
# In the background: it may miss the end of that one as well, and would wait for it for ever.
tries=0
while printf '%s\n' "$panes" | grep -q '^pane [^|]*|[^|]*|[^|]*|1|||' && [ "$tries" -lt 10 ]; do
    tm run-shell -b true 2>/dev/null || :
    sleep 0.02
    tries=$((tries + 1))
    list
done
case $panes in
pane* | buffer* | '') printf '%s\n' "$panes" ;;
*'no server running'* | *'No such file'* | *'Connection refused'*) exit 0 ;;
*'no current target'* | *'server exited'* | *'lost server'*) exit 0 ;; # its last session has just ended
*) printf 'tmux %s\n' "$panes" ;;
esac
# Where the kernel tells what a process waits for (Linux): one that waits for input is ready, even
# if it has drawn nothing; one that computes or sleeps is busy, whatever it has drawn.
# weigh PID: sets doing to reads (its terminal), polls, busy, or nothing if the kernel doesn't tell.
weigh() {
    for task in "/proc/$1/task"/*; do
        waits='' state=''
        read -r waits 2>/dev/null <"$task/wchan" || :
        case $waits in
        wait_woken | n_tty_read) doing=reads ;;
        *poll* | *select*) [ "$doing" = reads ] || doing=polls ;;
        do_wait) # for its children, as a shell does
            read -r state 2>/dev/null <"$task/children" || :
            for child in $state; do weigh "$child"; done
            ;;
        0 | '')
            read -r state 2>/dev/null <"$task/stat" || :
            case ${state##*) } in R* | D*) doing=${doing:-busy} ;; esac
            ;;
        *) doing=${doing:-busy} ;;
        esac
    done
}
while IFS='|' read -r _ _ pid dead _; do
    [ "$dead" = 0 ] || continue
    doing=''
    weigh "$pid"
    case $doing in reads | busy) echo "$doing $pid" ;; esac
done <<EOF
$panes
EOF
[ "$looking" != "  " ] || exit 0
set --
while IFS='|' read -r name id rest; do
    case $looking in *" ${name#pane } "*) ;; *) continue ;; esac
    case $rest in *'||'*'|'*) ;; *) continue ;; esac
    set -- "$@" display-message -p -t "$id" "$nonce ${name#pane } $id #{@mng_flight}|#{@mng_ledger}" \; capture-pane -p -e -S -200 -t "$id" \;
done <<EOF
$panes
EOF
[ $# = 0 ] || tm "$@" 2>/dev/null || :
