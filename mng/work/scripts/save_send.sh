# Comes after `save` and `save_nested`: look, then send.
cd "$work"
open_vault
recover
[ ! -s "$(git_path . shallow)" ] || report shallow

refs() { # FILE
    git for-each-ref --format='%(objectname) %(refname)' >"$1.all" 2>"$tmp/said"
    [ ! -s "$tmp/said" ] || fail 74 "$(tail -n 1 "$tmp/said")"
    # Of refs that mng made here: those of a host that this one was the source of.
    ours=refs/mng/source/
    [ "$mode" != sync ] || ours=refs/mng/
    sed "\\| $ours|d; / refs\\/stash$/d" "$1.all" >"$1"
    # Of other kinds, below a name that none of the states of a tree has.
    sed -E -e 's, refs/(heads|tags|notes)/, \1/,' -e 's, refs/, other/,' "$1"
    : >"$1.stash"
    if git rev-parse -q --verify refs/stash >/dev/null; then
        # A stash whose log is gone still has its newest entry.
        { git reflog show --format=%H refs/stash 2>/dev/null; git rev-parse refs/stash; } |
            awk '!seen[$0]++' >"$1.stash"
        awk '{ print $0, "stash/" (NR - 1) }' "$1.stash"
    fi
    [ -z "$head" ] || git rev-parse 'HEAD^{commit}' | sed 's/$/ HEAD/'
    # Commits that only a log, or an unfinished merge, still knows: the last one of each line.
    # shellcheck disable=SC2046  # object names
    git rev-list --parents --reflog $(under_way "$common" "$common"/worktrees/*) \
        --not --all $(cat "$1.stash") |
        awk '{ order[NR] = $1; for (n = 2; n <= NF; n++) parent[$n] }
            END { for (n = 1; n <= NR; n++) if (!(order[n] in parent)) print order[n], "log/" k++ + 0 }'
}

linked() { # META    one further work tree, wherever on the host it lies
    top=$(dirname "$(cat "$1/gitdir")")
    at=$(git --git-dir="$1" rev-parse -q --verify 'HEAD^{commit}' || :)
    name=worktrees/$(basename "$1")
    [ -z "$at" ] || ref "$at" "$name/HEAD"
    place=$top
    if [ -d "$top" ]; then place=$(cd "$top" && pwd -P); fi
    case $place in "$(pwd -P)"/*) place=${place#"$(pwd -P)/"} ;; esac
    if [ "$mode" != sync ]; then
        echo "$place" >"$tmp/place"
        settled "$1" "$name/settings" "$1/HEAD" "$tmp/place"
    fi
    [ ! -e "$top/.git" ] || (cd "$top" && one_tree "$at" "$name/" "$place/")
}

large() { # what git-lfs keeps of the host's commits
    [ -d "$common/lfs/objects" ] || return 0
    : >"$tmp/except"
    made=$(files_of "$common/lfs/objects" "$tmp/except")
    extra "$made" "$head" lfs "files of git-lfs"
}

also() { # what two sides need to tell whose a change is
    plain=$(cat "$tmp/plain")
    if [ "$plain" = "$(tree_of "$head")" ]; then
        made=$head
    else
        made=$(commit "$plain" "$head" "$label: uncommitted work") # often that of work-tree
    fi
    [ -z "$made" ] || ref "$made" plain
    made=$(git rev-parse -q --verify refs/mng/source/work-tree) && ref "$made" source
}

: >"$tmp/list" >"$tmp/dirty"
prefix=$(cat "$home/work.prefix" 2>/dev/null || :; echo .)
prefix=${prefix%.}
for path; do printf '%s\n' "$prefix${path%/}"; done >"$tmp/wanted"
refs "$tmp/named" >"$tmp/refs"
cat "$tmp/refs" >>"$tmp/list"
one_tree "$head" "" ""
if [ "$mode" != sync ]; then
    settled "$common" settings
    large
fi
for meta in "$common"/worktrees/*; do
    [ ! -f "$meta/gitdir" ] || linked "$meta"
done

vault cat-file --batch-check='%(objectname) %(objecttype)' <"$tmp/asked" |
    sed -n '/ missing$/d; s/^\([0-9a-f]*\) .*/^\1/p' >"$tmp/there"
[ "$mode" != sync ] || also || :
tips() { cut -d ' ' -f 1 "$tmp/list"; }
{ tips; cat "$tmp/there"; } | vault rev-list --objects --stdin >"$tmp/new"
if [ ! -s "$tmp/new" ]; then
    report nothing
    [ "$mode" = sync ] || exit 0
fi
report branch "$(git symbolic-ref -q HEAD | sed "s|^refs/heads/||")"
report dirty "$(awk '{ n += $1 } END { print n + 0 }' "$tmp/dirty")"
report commits "$({ sed '/ notes\//d; / stash\/[0-9]*$/d; / log\/[0-9]*$/d; s/ .*//' "$tmp/refs"; sed -n 's/ worktrees\/.*\/HEAD$//p' "$tmp/list"
    cat "$tmp/there"; } | vault rev-list --count --stdin)"

[ "$mode" != whole ] || : >"$tmp/there"
[ ! -s "$tmp/new" ] ||
    { tips; cat "$tmp/there"; } | vault pack-objects --revs --stdout --thin --delta-base-offset -q

refs "$tmp/named" >"$tmp/refs-now"
cmp -s "$tmp/refs" "$tmp/refs-now" || fail 76 "its branches moved while they were saved"
sed 's/^/= ref /' "$tmp/list" >&2
