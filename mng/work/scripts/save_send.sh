# Comes after `save` and `save_nested`: look, then send.
cd "$work"
open_vault
[ ! -s "$(git_path . shallow)" ] || report shallow

refs() { # FILE
    git for-each-ref --format='%(objectname) %(refname)' >"$1.all" 2>"$tmp/said"
    [ ! -s "$tmp/said" ] || fail 74 "$(tail -n 1 "$tmp/said")"
    sed '/ refs\/mng\//d; / refs\/stash$/d' "$1.all" >"$1"
    sed 's| refs/| |' "$1"
    : >"$1.stash"
    if git rev-parse -q --verify refs/stash >/dev/null; then
        # A stash whose log is gone still has its newest entry.
        { git reflog show --format=%H refs/stash 2>/dev/null; git rev-parse refs/stash; } |
            awk '!seen[$0]++' >"$1.stash"
        awk '{ print $0, "stash/" (NR - 1) }' "$1.stash"
    fi
    [ -z "$head" ] || git rev-parse 'HEAD^{commit}' | sed 's/$/ HEAD/'
    # Commits that only a log still knows: the last one of each line.
    # shellcheck disable=SC2046  # object names
    git rev-list --reflog --parents --not --all $(cat "$1.stash") |
        awk '{ order[NR] = $1; for (n = 2; n <= NF; n++) parent[$n] }
            END { for (n = 1; n <= NR; n++) if (!(order[n] in parent)) print order[n], "log/" k++ + 0 }'
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

keep() { # PATH...    of what git ignores, that which was asked for
    prefix=$(cat "$home/work.prefix" 2>/dev/null; echo .)
    prefix=${prefix%.}
    for path; do printf ':(top,literal)%s\0' "$prefix${path%/}"; done >"$tmp/wanted"
    made=$(
        set -e
        rm -f "$tmp/index"
        export GIT_INDEX_FILE="$tmp/index" GIT_OBJECT_DIRECTORY="$tmp/vault/objects"
        xargs -0 git ls-files -z -o -i --exclude-standard -- <"$tmp/wanted" >"$tmp/ignored-files"
        [ -s "$tmp/ignored-files" ] || exit 0
        git add -f --pathspec-from-file="$tmp/ignored-files" --pathspec-file-nul
        tree=$(git write-tree)
        commit "$tree" "$head" "$label: kept files that git ignores"
    )
    [ -z "$made" ] || ref "$made" kept
}

unclean() { # files that git changes on their way in, by a filter or at their line ends: as they lie
    vault ls-tree -r -z "$plain" | lines | sed -n "s/^100[^$tab]*$tab//p" >"$tmp/blobs"
    changes=$(entries "$(tree_of "$head")" "$plain" | cut -f 2-)
    auto=$(git config core.autocrlf || :)
    # What git-lfs has, and nobody touched, lies at the source.
    names <"$tmp/blobs" | git check-attr -z --stdin text eol ident filter working-tree-encoding |
        lines | AUTO="$auto" CHANGES="$changes" awk '
            BEGIN { n = split(ENVIRON["CHANGES"], c, "\n"); for (i = 1; i <= n; i++) new[c[i]] }
            NR % 3 == 1 { path = $0 }
            NR % 3 == 2 { name = $0 }
            NR % 3 == 0 && (($0 != "unspecified" && $0 != "unset") || (name == "text" &&
                $0 == "unspecified" && ENVIRON["AUTO"] ~ /^(true|input)$/)) {
                if (name != "filter" || $0 != "lfs" || path in new) print path
            }' | sort -u >"$tmp/converted"
    [ -s "$tmp/converted" ] || return 0
    names <"$tmp/converted" |
        indexed "$tmp/lying" --work-tree=. update-index -z --add --remove --stdin
    entries "$plain" "$(indexed "$tmp/lying" write-tree)" --diff-filter=M >"$tmp/lying-only"
    [ -s "$tmp/lying-only" ] || return 0
    names <"$tmp/lying-only" | indexed "$tmp/unclean" update-index -z --index-info
    ref "$(commit "$(indexed "$tmp/unclean" write-tree)" "$head" "$label: files as they lie")" as-is
}

large() { # what git-lfs keeps of the host's commits
    [ -d "$common/lfs/objects" ] || return 0
    : >"$tmp/except"
    tree=$(files_of "$common/lfs/objects" "$tmp/except")
    [ "$tree" = "$empty" ] || ref "$(commit "$tree" "$head" "$label: files of git-lfs")" lfs
}

also() { # what two sides need to tell whose a change is
    if [ "$plain" = "$(tree_of "$head")" ]; then
        made=$head
    else
        made=$(commit "$plain" "$head" "$label: uncommitted work") # often that of work-tree
    fi
    [ -z "$made" ] || ref "$made" plain
    made=$(git rev-parse -q --verify refs/mng/source/work-tree) && ref "$made" source
}

: >"$tmp/list"
dirty=0
refs "$tmp/named" >"$tmp/refs"
cat "$tmp/refs" >>"$tmp/list"
whole_tree
index=$(staged .)
uncommitted "$tree" "$index" "$head" ""
[ $# = 0 ] || keep "$@"
[ "$mode" = sync ] || { unclean; large; }
if [ -e "$tmp/dirs" ]; then
    tree=$(indexed "$tmp/dirs" write-tree)
    made=$(commit "$tree" "$head" "$label: git directories of nested repositories")
    ref "$made" git-dirs
fi
for meta in "$common"/worktrees/*; do
    [ ! -f "$meta/gitdir" ] || linked "$meta"
done

vault cat-file --batch-check='%(objectname) %(objecttype)' <"$tmp/asked" |
    sed -n 's/^\([0-9a-f]*\) commit$/^\1/p; s/^\([0-9a-f]*\) tag$/^\1/p' >"$tmp/there"
[ "$mode" != sync ] || also || :
tips() { cut -d ' ' -f 1 "$tmp/list"; }
{ tips; cat "$tmp/there"; } | vault rev-list --objects --stdin >"$tmp/new"
if [ ! -s "$tmp/new" ]; then
    report nothing
    [ "$mode" = sync ] || exit 0
fi
report branch "$(git symbolic-ref -q --short HEAD || :)"
report dirty "$dirty"
report commits "$({ sed '/ notes\//d; / stash\/[0-9]*$/d; / log\/[0-9]*$/d; s/ .*//' "$tmp/refs"; sed -n 's/ worktrees\/.*\/HEAD$//p' "$tmp/list"
    cat "$tmp/there"; } | vault rev-list --count --stdin)"

[ "$mode" != whole ] || : >"$tmp/there"
[ ! -s "$tmp/new" ] ||
    { tips; cat "$tmp/there"; } | vault pack-objects --revs --stdout --thin --delta-base-offset -q

refs "$tmp/named" >"$tmp/refs-now"
cmp -s "$tmp/refs" "$tmp/refs-now" || fail 76 "its branches moved while they were saved"
sed 's/^/= ref /' "$tmp/list" >&2
