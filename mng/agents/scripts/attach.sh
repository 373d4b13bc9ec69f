# attach AGENT [-d]   hands the terminal to the agent's session until it is detached; -d: from others
agent=$1
pane=$(pane_of "$agent")
[ -n "$pane" ] || { echo "mng: $agent has no session" >&2; exit 1; }
exec tmux -u -S tmux attach-session ${2:-} -t "$pane"
