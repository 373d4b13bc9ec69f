# start AGENT INC OLD DIR TEAM VERSION LEDGER   prints `started PID`, or `exists INC` where another is
# stdin: a line of secret exports (may be empty), then a tar of the agent's files with INC.json last.
# OLD is the incarnation that this one replaces, or -.
agent=$1 inc=$2 old=$3 dir=$4 team=$5 version=$6 carried=$7
lock 9 lock -s
[ -f id ] && [ "$(cat "$home/id" 2>/dev/null)" = "$mark" ] || { echo gone; exit 66; }
[ ! -e closing ] || { echo closing; exit 67; }
lock_agent
# In the session itself, not in a file: what is live is the truth.
other=$(tm list-panes -s -t "=$agent" -F '#{@mng_session}' 2>/dev/null | head -n 1) || :
if tm has-session -t "=$agent" 2>/dev/null && [ "$other" != "$old" ]; then
    echo "exists $other"
    exit 0
fi
prefix=$(cat work.prefix 2>/dev/null) || :
dir=$dir/$prefix
[ -d "$dir" ] || { echo "failed no directory $dir"; exit 0; }
mkdir -p "agents/$agent/messages"
# `read` takes single bytes from a pipe, so that tar finds the rest.
IFS= read -r secrets || :
tar -xof - -C "agents/$agent"
[ -f "agents/$agent/$inc.json" ] || { echo torn; exit 65; }
if [ "$old" != - ]; then
    new=$inc
    end_session "$old"
    inc=$new
    tm kill-session -t "=$agent" 2>/dev/null || :
    rm -f "agents/$agent/status.json" "agents/$agent/draft" "agents/$agent/event"
    note "ended $old"
fi
link_only "$inc"
mkdir -p bin
for file in tmux.conf died.sh bin/git bin/mng-commit; do mv -f "agents/$agent/$file" "$file"; done
rmdir "agents/$agent/bin"
export MNG_HOST_HOME="$home"
# An option brings the directory, in which tmux would take a # or a % for a format. The window's name
# is no agent's, for tmux looks there too when it is given a session's.
set -- set-option -s @mng_dir "$dir" \; \
    new-session -d -s "$agent" -n _ -x 200 -y 50 -c '#{@mng_dir}' -e "PATH=$PATH" -- sh "$home/agents/$agent/$inc.sh" \; \
    set-option -p -t "=$agent:" @mng_agent "$agent" \; \
    set-option -p -t "=$agent:" @mng_inc "$inc" \; \
    set-option -p -t "=$agent:" @mng_flight '' \; \
    set-option -p -t "=$agent:" @mng_ledger "$carried" \; \
    set-option -t "=$agent:" @mng_session "$inc" \; \
    set-option -t "=$agent:" @mng_team "$team" \; \
    set-option -t "=$agent:" @mng_version "$version" \; \
    list-panes -s -t "=$agent" -F '#{pane_pid}'
# A secret is handed over in the server's memory; the agent's launcher takes it from there.
[ -z "$secrets" ] || set -- load-buffer -b "mng.$agent.env" - \; "$@"
set -- start-server \; "$@"
tries=0
until pid=$(printf '%s' "$secrets" | tm "$@" 2>"agents/$agent/error"); do
    # The old server may be on its way out after its last session.
    tries=$((tries + 1))
    case $(cat "agents/$agent/error") in
    *server*) [ "$tries" -lt 20 ] && sleep 0.05 && continue ;;
    esac
    printf 'failed '
    cat "agents/$agent/error"
    exit 1
done
rm -f "agents/$agent/error"
note "started $inc $pid$carried"
# Until the launcher has taken it, that buffer looks like one that a dead mng has left.
tries=0
while [ -n "$secrets" ] && [ "$tries" -lt 100 ] && tm show-buffer -b "mng.$agent.env" >/dev/null 2>&1; do
    tries=$((tries + 1))
    sleep 0.02
done
for file in "agents/$agent"/*.json "agents/$agent"/*.sh; do
    case $file in */"$inc".* | */status.json) ;; *) rm -f "$file" ;; esac
done
echo "started $pid"
