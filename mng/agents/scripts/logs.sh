# logs AGENT LINES   what the agent printed: earlier incarnations from its log, then its screen
agent=$1 lines=$2
[ -d "agents/$agent" ] || { echo gone >&2; exit 66; }
{
    cat "agents/$agent/log" 2>/dev/null || :
    pane=$(pane_of "$agent")
    [ -z "$pane" ] || tm capture-pane -p -J -S - -t "$pane"
} | awk '/^Pane is dead( \(.*\))?$/ { next }  # said by tmux, not by the agent
    { held = held $0 "\n"; if ($0 !~ /^ *$/) { printf "%s", held; held = "" } }' | tail -n "$lines"
