# update AGENT INC TEAM SIZE   stdin: the agent's new record, SIZE bytes; its process is not touched
agent=$1 inc=$2 team=$3
lock_agent
[ -f "agents/$agent/$inc.json" ] || { echo gone; exit 0; }
receive "agents/$agent/$inc.json" "$4"
tm set-option -t "=$agent:" @mng_team "$team" 2>/dev/null || :
echo updated
