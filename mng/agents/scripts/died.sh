# died AGENT INC STATUS SIGNAL   called by tmux when an agent's process has ended
[ -n "$1" ] && cd "$MNG_HOST_HOME/agents/$1" || exit 0
status=$3 signal=$4
if [ -z "$status$signal" ]; then
    # tmux missed the status (its issue 311), and reads it at the end of another child: of this one.
    (cd "$MNG_HOST_HOME" && tmux -S tmux run-shell true)
    found=$(cd "$MNG_HOST_HOME" && tmux -S tmux list-panes -s -t "=$1" -F '#{@mng_inc} #{pane_dead_status}|#{pane_dead_signal}' | grep "^$2 ")
    found=${found#* }
    status=${found%%|*} signal=${found##*|}
fi
printf '%s exit %s %s %s\n' "$(date +%s)" "$2" "${status:--}" "${signal:--}" >>journal
