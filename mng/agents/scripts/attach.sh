# attach AGENT [-d]   hands the terminal to the agent's session until it is detached; -d: from others
agent=$1
tm has-session -t "=$agent" 2>/dev/null || { echo "mng: $agent has no session" >&2; exit 1; }
exec tmux -u -S tmux attach-session ${2:-} -t "=$agent"
