# start AGENT INC OLD DIR TEAM VERSION   prints `started PID`, or `exists INC` where another is
# stdin: a line of secret exports and one with the ledger that is carried on (both may be empty), then
# a tar of the agent's files with INC.json last.
# OLD is the incarnation that this one replaces, or -.
agent=$1 inc=$2 old=$3 dir=$4 team=$5 version=$6
lock 9 lock -s
[ -f id ] && [ "$(cat "$home/id" 2>/dev/null)" = "$mark" ] || { echo gone; exit 66; }
[ ! -e closing ] || { echo closing; exit 67; }
lock_agent
# In the session itself, not in a file: what is live is the truth.
there=$(pane_of "$agent")
[ -n "$there" ] || ! tm has-session -t "=$agent" 2>/dev/null || there="=$agent:"
other=$(tm list-panes -s -t "$there" -F '#{@mng_session}' 2>/dev/null | head -n 1) || :
if [ -n "$there" ] && [ "$other" != "$old" ]; then
    echo "exists $other"
    exit 0
fi
prefix=$(cat work.prefix 2>/dev/null) || :
dir=$dir/$prefix
[ -d "$dir" ] || { echo "failed no directory $dir"; exit 0; }
mkdir -p "agents/$agent/messages"
# `read` takes single bytes from a pipe, so that tar finds the rest.
IFS= read -r secrets || :
IFS= read -r carried || :
tar -xof - -C "agents/$agent"
[ -f "agents/$agent/$inc.json" ] || { echo torn; exit 65; }
if [ "$old" != - ]; then
    new=$inc
    end_session "$old"
    inc=$new
    [ -z "$there" ] || tm kill-session -t "$there" 2>/dev/null || :
    rm -f "agents/$agent/status.json" "agents/$agent/draft" "agents/$agent/event"
    note "ended $old"
fi
end_all $(strays '*') # no two incarnations of an agent are ever alive at once
link_only "$inc"
mkdir -p bin
for file in tmux.conf died.sh bin/git bin/mng-commit; do mv -f "agents/$agent/$file" "$file"; done
rmdir "agents/$agent/bin"
export MNG_HOST_HOME="$home"
quote() { printf '%s' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"; }
# One line: where a part of it fails, nothing of the rest is done. On stdin, for a command line has a
# limit. An option brings the directory, in which tmux would take a # or a % for a format. The
# window's name is no agent's, for tmux looks there too when it is given a session's. A secret is
# handed over in the server's memory, where the agent's launcher takes it.
commands() {
    printf 'set-option -s @mng_dir %s ; ' "$(quote "$dir")"
    printf "new-session -d -s %s -n _ -x 200 -y 50 -c '#{@mng_dir}' " "$agent"
    # The server's own mask is ours, and a pane would have it, too.
    printf -- '-e %s -- sh -c %s %s ; ' "$(quote "PATH=$PATH")" \
        "$(quote "umask $mask; exec sh \"\$0\"")" "$(quote "$home/agents/$agent/$inc.sh")"
    for option in "@mng_agent $agent" "@mng_inc $inc" "@mng_flight ''" "@mng_ledger '$carried'"; do
        printf 'set-option -p -t =%s: %s ; ' "$agent" "$option"
    done
    for option in "@mng_session $inc" "@mng_team $(quote "$team")" "@mng_version '$version'"; do
        printf 'set-option -t =%s: %s ; ' "$agent" "$option"
    done
    [ -z "$secrets" ] || printf 'set-buffer -b mng.%s.env %s ; ' "$agent" "$(quote "$secrets")"
    printf "list-panes -s -t =%s -F '#{pane_pid}'\n" "$agent"
}
tries=0
until pid=$(commands | tm start-server \; source-file - 2>"agents/$agent/error"); do
    tries=$((tries + 1))
    case $(cat "agents/$agent/error") in
    # The old server may be on its way out after its last session.
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
[ -z "$secrets" ] || tm delete-buffer -b "mng.$agent.env" 2>/dev/null || :
for file in "agents/$agent"/*.json "agents/$agent"/*.sh; do
    case $file in */"$inc".* | */status.json) ;; *) rm -f "$file" ;; esac
done
echo "started $pid"
