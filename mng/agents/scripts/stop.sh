# stop AGENT INC WHAT   WHAT: stop keeps the journal, destroy forgets the agent; prints stopped
agent=$1 inc=$2 what=$3
lock_agent
end_session "$inc"
if [ "$what" = destroy ]; then
    # Only if no session is left: another mng may have started the agent anew.
    if [ -z "$(pane_of "$agent")" ]; then
        mv "agents/$agent" "agents/.gone.$$" 2>/dev/null || :
        link_only ''
        for gone in agents/.gone.*; do
            rm -rf "$gone" 2>/dev/null || { chmod -R u+rwx "$gone" && rm -rf "$gone"; } || :
        done
    fi
elif [ -d "agents/$agent" ]; then
    note "stopped $inc"
fi
echo stopped
