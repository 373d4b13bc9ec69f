# died AGENT INC STATUS SIGNAL   called by tmux when an agent's process has ended
[ -n "$1" ] && cd "$MNG_HOST_HOME/agents/$1" || exit 0
status=$3 signal=$4
if [ -z "$status$signal" ]; then
    # tmux missed the status (its issue 311), and reads it at the end of another child: of this one.
    # In the background, for tmux may miss that end as well, and would wait for it for ever.
    tries=0
    while [ -z "$status$signal" ] && [ "$tries" -lt 10 ]; do
        (cd "$MNG_HOST_HOME" && tmux -S tmux run-shell -b true)
        sleep 0.02
        tries=$((tries + 1))
        found=$(cd "$MNG_HOST_HOME" && tmux -S tmux list-panes -a -F '#{@mng_agent} #{@mng_inc} #{pane_dead_status}|#{pane_dead_signal}' | grep "^$1 $2 ")
        found=${found#* * }
        status=${found%%|*} signal=${found##*|}
    done
fi
printf '%s exit %s %s %s\n' "$(date +%s)" "$2" "${status:--}" "${signal:--}" >>journal
