# Comes after `save` and `save_nested`: look, then send.
cd "$work"
git_dir_of . >/dev/null || fail 74 "the repository in $work is broken"
common=$(git rev-parse --git-common-dir)
head=
if git rev-parse -q --verify HEAD >/dev/null; then head=$(git rev-parse 'HEAD^{commit}'); fi

GIT_DEFAULT_HASH=$(git rev-parse --show-object-format)
export GIT_DEFAULT_HASH
# By relative names: else all of the path would be made anew if the host is removed just now.
git -C "$tmp" init -q --bare --template= vault
empty=$(vault mktree </dev/null)
none=$(echo "$empty" | tr '0-9a-f' 0)
(cd "$tmp" && mkdir -p vault/objects/info)
lend .
if [ -s "$(git_path . shallow)" ]; then
    cp "$(git_path . shallow)" "$tmp/vault/shallow"
    report shallow
fi

refs() { # FILE
    git for-each-ref --format='%(objectname) %(refname)' refs/heads refs/tags refs/notes \
        >"$1" 2>"$tmp/said"
    [ ! -s "$tmp/said" ] || fail 74 "$(tail -n 1 "$tmp/said")"
    sed 's| refs/| |' "$1"
    if git rev-parse -q --verify refs/stash >/dev/null; then
        # A stash whose log is gone still has its newest entry.
        { git reflog show --format=%H refs/stash 2>/dev/null; git rev-parse refs/stash; } |
            awk '!seen[$0]++ { print $0, "stash/" (NR - 1) }'
    fi
    [ -z "$head" ] || git rev-parse 'HEAD^{commit}' | sed 's/$/ HEAD/'
}

linked() { # META    one further work tree, wherever on the host it lies
    top=$(dirname "$(cat "$1/gitdir")")
    at=$(git --git-dir="$1" rev-parse -q --verify 'HEAD^{commit}' || :)
    name=worktrees/$(basename "$1")
    [ -z "$at" ] || ref "$at" "$name/HEAD"
    [ -e "$top/.git" ] || return 0
    (cd "$top" && nested "$tmp/except")
    case $(cd "$top" && pwd -P)/ in
        "$(pwd -P)"/*) ;; # what is nested there was found from here
        *)
            inner=$(names <"$tmp/except" |
                (cd "$top" && git check-ignore --no-index -v -n -z --stdin) | lines |
                awk 'NR % 4 == 3 { rule = $0 } NR % 4 == 0 && rule == "" { print }')
            [ -z "$inner" ] || fail 76 "can't save the repositories in $top: $inner"
            ;;
    esac
    tree=$(snapshot "$top" "$tmp/except")
    index=$(staged "$top")
    uncommitted "$tree" "$index" "$at" "$name/"
}

: >"$tmp/list"
dirty=0
refs "$tmp/named" >"$tmp/refs"
cat "$tmp/refs" >>"$tmp/list"
find_nested
save_nested
tree=$(snapshot . "$tmp/kept")
tree=$(graft "$tree")
index=$(staged .)
uncommitted "$tree" "$index" "$head" ""
if [ -e "$tmp/dirs" ]; then
    tree=$(indexed "$tmp/dirs" write-tree)
    made=$(commit "$tree" "$head" "git directories of nested repositories")
    ref "$made" git-dirs
fi
for meta in "$common"/worktrees/*; do
    [ ! -f "$meta/gitdir" ] || linked "$meta"
done

vault cat-file --batch-check='%(objectname) %(objecttype)' <"$tmp/asked" |
    sed -n 's/^\([0-9a-f]*\) commit$/^\1/p; s/^\([0-9a-f]*\) tag$/^\1/p' >"$tmp/there"
tips() { cut -d ' ' -f 1 "$tmp/list"; }
{ tips; cat "$tmp/there"; } | vault rev-list --objects --stdin >"$tmp/new"
if [ ! -s "$tmp/new" ]; then
    report nothing
    exit 0
fi
report branch "$(git symbolic-ref -q --short HEAD || :)"
report dirty "$dirty"
report commits "$({ sed -n 's/ heads\/.*//p; s/ tags\/.*//p; s/ \(.*\/\)*HEAD$//p' "$tmp/list"
    cat "$tmp/there"; } | vault rev-list --count --stdin)"

[ "$mode" = thin ] || : >"$tmp/there"
{ tips; cat "$tmp/there"; } | vault pack-objects --revs --stdout --thin --delta-base-offset -q

refs "$tmp/named" >"$tmp/refs-now"
cmp -s "$tmp/refs" "$tmp/refs-now" || fail 76 "its branches moved while they were saved"
sed 's/^/= ref /' "$tmp/list" >&2
