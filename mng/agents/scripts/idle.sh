# idle SECONDS [WORK]   prints idle, or why not: every agent has had nothing to do for so long
# With WORK: prints ended, and takes the host's home away, if it is so while nobody can start an agent
# or say anything to one, and nothing there has changed since it was last kept.
# What can't be told counts as work. Comes after the prelude; `keep/observe` and `keep/changed` have to be there.
limit=$1
shift
busy() { echo "busy: $1"; exit 0; }
quiet_since() { [ $(($(date +%s) - $1)) -ge "$limit" ] || busy "$2"; }

# rests AGENT PID   its own state file says that it waits for input; file and words are its kind's
rests() {
    { IFS= read -r file && IFS= read -r words; } 2>/dev/null <"agents/$1/rests" || return 1
    file=$(printf %s "$file" | sed "s/{pid}/$2/")
    [ -n "$file" ] && grep -Eqs -e "$words" "agents/$1/$file"
}

computes() { # PID   a process that came from it does so just now
    for one in $(tree "$1"); do
        state=''
        read -r state 2>/dev/null <"/proc/$one/stat" || continue
        case ${state##*) } in R* | D*) return 0 ;; esac
    done
    return 1
}

check() {
    [ -e work.done ] || busy "its work tree is not there yet"
    [ -e setup.done ] || grep -q '^  "setup": null' host.json || busy "its setup is not done"
    quiet_since "$(stat -c %Y work.done)" "it was just made"
    for file in agents/*/journal; do
        [ ! -e "$file" ] || quiet_since "$(stat -c %Y "$file")" "$file was just written"
    done
    for one in $(grep -lsz '^MNG_EXEC=' /proc/[0-9]*/environ); do
        case $(cat "${one%environ}comm" 2>/dev/null) in
            tmux* | '') ;; # attached, perhaps by a client that has died
            *) busy "a user's command runs" ;;
        esac
    done
    for at in $(tm list-clients -F '#{client_activity}' 2>/dev/null); do
        quiet_since "$at" "a user is attached"
    done
    seen=$(sh keep/observe "$home" "$mark" -) || busy "it can't be observed"
    case "$seen" in *'
tmux '*) busy "its tmux does not answer" ;; esac
    while IFS='|' read -r name pane pid dead _ _ _ _ activity _; do
        case $name in 'pane '?*) ;; 'pane ') busy "a session of nobody's" ;; *) continue ;; esac
        [ "$dead" = 0 ] || continue
        name=${name#pane }
        quiet_since "$activity" "$name has just drawn"
        ! computes "$pid" || busy "$name computes"
        # A program that says nothing of itself is idle where the kernel says that it reads its terminal.
        rests "$name" "$pid" || {
            [ ! -e "agents/$name/rests" ] && printf '%s\n' "$seen" | grep -qx "reads $pid"
        } || busy "$name is at work"
    done <<SEEN
$seen
SEEN
}

# alone AGENT...   the rest, while no message is on its way to any of these
alone() {
    if [ $# = 0 ]; then
        check
        new=$(sh keep/changed "$home" "$mark" "$work")
        [ -z "$new" ] || busy "it has changed: $new"
        cd / && mv "$home" "$home.ended"
        tmux -S "$home.ended/tmux" kill-server 2>/dev/null || :
        echo ended
        exit 0
    fi
    name=$1
    shift
    (
        flock -n 8 || busy "a message is on its way to $name"
        alone "$@"
    ) 8>>"locks/$name"
}

check
[ $# != 0 ] || { echo idle; exit 0; }
work=$1
lock 9 lock
set --
for agent in agents/*/; do
    [ ! -d "$agent" ] || set -- "$@" "$(basename "$agent")"
done
alone "$@"
