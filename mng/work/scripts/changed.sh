# changed      prints a path of the work or of an agent that has changed since it was last kept
[ -e "$home/keep.since" ] || { echo "nothing was kept yet"; exit 0; }
set -- "$work" "$home/agents"
for meta in "$work"/.git/worktrees/*/gitdir; do
    [ ! -f "$meta" ] || set -- "$@" "$(dirname "$(cat "$meta")")"
done
# Of objects, git renews the time when it only reads; those that count are named elsewhere.
find "$@" -path '*/.git/objects' -prune -o -cnewer "$home/keep.since" -print 2>/dev/null | head -n 1
