# update AGENT INC TEAM   stdin: the agent's new record; its process is not touched
agent=$1 inc=$2 team=$3
lock_agent
[ -f "agents/$agent/$inc.json" ] || { echo gone; exit 0; }
cat >"agents/$agent/$inc.part"
mv "agents/$agent/$inc.part" "agents/$agent/$inc.json"
tm set-option -t "=$agent:" @mng_team "$team" 2>/dev/null || :
echo updated
