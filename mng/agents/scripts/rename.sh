# rename AGENT NEW INC   gives a running agent another name; safe to repeat
agent=$1 new=$2 inc=$3
lock_agent
lock 7 "locks/$new"
if [ -d "agents/$agent" ] && [ ! -e "agents/$new" ]; then mv "agents/$agent" "agents/$new"; fi
ln -sfn "$new" "agents/.$inc"
if look; then
    tm set-option -p -t "$pane" @mng_agent "$new" \; rename-session -t "$pane" "$new"
fi
echo renamed
