# logs AGENT LINES   what the agent printed: earlier incarnations from its log, then its screen
agent=$1 lines=$2
[ -d "agents/$agent" ] || { echo gone >&2; exit 66; }
{
    cat "agents/$agent/log" 2>/dev/null || :
    for pane in $(tm list-panes -s -t "=$agent" -F '#{?@mng_inc,#{pane_id},}' 2>/dev/null); do
        tm capture-pane -p -J -S - -t "$pane"
    done
} | awk '/^Pane is dead( \(.*\))?$/ { next }  # said by tmux, not by the agent
    { held = held $0 "\n"; if ($0 !~ /^ *$/) { printf "%s", held; held = "" } }' | tail -n "$lines"
