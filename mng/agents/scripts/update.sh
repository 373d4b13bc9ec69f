# update AGENT INC TEAM SIZE   stdin: the agent's new record, SIZE bytes; its process is not touched
agent=$1 inc=$2 team=$3
lock_agent
[ -f "agents/$agent/$inc.json" ] || { echo gone; exit 0; }
receive "agents/$agent/$inc.json" "$4"
pane=$(pane_of "$agent")
[ -z "$pane" ] || tm set-option -t "$pane" @mng_team "$team"
echo updated
