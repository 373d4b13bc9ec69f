# save LABEL EPOCH MODE KEEP...  a pack of the host's work on stdout; object names on stdin, a line each
#
# MODE is `whole`, or `thin`: what stdin names is there already, and need not travel. `sync` is thin,
# and names all refs even if nothing travels; also `plain`, the work tree without the repositories
# in it, and `source`, the tree as it last came from the source. KEEP: ignored paths to save, too.
# stderr, in lines that begin with "= ": `no-tree`, `nothing`, `shallow`, `branch B`, `commits N`,
# `dirty N`, and `ref ID NAME` for each that is to be made. Nothing in the work tree, its index or
# its repository changes: what has to be made for the save lies in a repository beside them.
label=$1 when=$2 mode=$3
shift 3
export GIT_AUTHOR_DATE="@$when +0000" GIT_COMMITTER_DATE="@$when +0000"
report() { echo "= $*" >&2; }

if [ ! -d "$work" ]; then
    [ ! -e "$home/work.done" ] || fail 76 "the work tree $work is gone: was it moved?"
    report no-tree
    exit 0
fi
lock "$home/save.lock"
wipe "$home"/save.tmp-*
tmp=$(mktemp -d "$home/save.tmp-XXXXXX")
trap 'wipe "$tmp"' EXIT
trap 'exit 130' HUP INT TERM
sort -u >"$tmp/asked"
[ "$mode" != whole ] || cp "$home/work.refs" "$tmp/asked" 2>/dev/null || :

ref() { echo "$1 $2" >>"$tmp/list"; }

changes() { # TREE TREE...    how many paths differ between the first and the others
    from=$1
    shift
    for to; do
        [ -z "$to" ] || vault diff-tree -r -z --no-renames --name-only "$from" "$to" | lines
    done | sort -u | wc -l | tr -d ' '
}

# What is not committed in a work tree, as commits on top of its HEAD.
uncommitted() { # TREE INDEX-TREE HEAD PREFIX
    was=$(tree_of "$3")
    if [ -n "$2" ] && [ "$2" != "$was" ]; then
        made=$(commit "$2" "$3" "$label: staged")
        ref "$made" "$4index"
    fi
    if [ "$1" != "$was" ]; then
        made=$(commit "$1" "$3" "$label: uncommitted work")
        ref "$made" "$4work-tree"
    fi
    changes "$was" "$1" "$2" >>"$tmp/dirty"
}

one_tree() ( # HEAD PREFIX PLACE    the work tree that lies here, and what is nested in it
    set -e
    find_nested "$3"
    save_nested
    plain=$(snapshot . "$tmp/kept")
    rm -f "$tmp/whole"
    indexed "$tmp/whole" read-tree "$plain"
    tree=$(graft "$tmp/whole")
    index=$(staged .)
    uncommitted "$tree" "$index" "$1" "$2"
    made=$(unmerged)
    extra "$made" "$1" "$2unmerged" "what is not merged yet"
    [ -n "$2" ] || echo "$plain" >"$tmp/plain"
    if [ -e "$tmp/dirs" ]; then
        made=$(indexed "$tmp/dirs" write-tree)
        extra "$made" "$1" "$2git-dirs" "git directories of nested repositories"
    fi
    [ "$mode" != sync ] || exit 0
    lying "$plain" "$1" >"$tmp/lying-only"
    rm -f "$tmp/unclean"
    names <"$tmp/lying-only" | indexed "$tmp/unclean" update-index -z --index-info
    made=$(graft "$tmp/unclean" trees)
    extra "$made" "$1" "$2as-is" "files as they lie"
    [ -s "$tmp/wanted" ] || exit 0
    made=$(ignored "$3")
    extra "$made" "$1" "$2kept" "kept files that git ignores"
)

extra() { # TREE PARENT NAME WORDS    what does not go into a work tree's commit, if there is any
    [ "$1" != "$empty" ] || return 0
    made=$(commit "$1" "$2" "$label: $4")
    ref "$made" "$3"
}

ignored() ( # PLACE    the tree of what git ignores here and was asked for
    set -e
    { echo . && cat "$tmp/own"; } | while IFS= read -r path; do
        below=$path/
        [ "$path" != . ] || below=
        at=$1$path
        [ "$path" != . ] || at=${1%/}
        wanted "$at" | sed 's/^/:(top,literal)/' | names >"$tmp/pathspecs"
        if [ -s "$tmp/pathspecs" ] && git_dir_of "$path" >/dev/null; then
            (cd "$path" && xargs -0 git ls-files -z -o -i --exclude-standard -- <"$tmp/pathspecs") >"$tmp/found"
            [ "$(tr -cd '\001' <"$tmp/found" | wc -c)" -eq 0 ] ||
                fail 75 "can't save an ignored file whose name holds a control character"
            lines <"$tmp/found" | B="$below" awk '!/\/$/ { print ENVIRON["B"] $0 }'
        fi
    done >"$tmp/ignored-files"
    hashed "$tmp/index" . <"$tmp/ignored-files"
)

under_way() { # GIT-DIRECTORY...    the commits that an unfinished merge or rebase speaks of
    for dir; do
        (cd "$dir" 2>/dev/null && cat MERGE_* ./*_HEAD rebase-merge/* rebase-apply/* sequencer/* 2>/dev/null || :)
    done | grep -aoE '[0-9a-f]{40,64}' | sort -u |
        git cat-file --batch-check='%(objecttype) %(objectname)' | sed -n 's/^commit //p'
}

settled() { # GIT-DIRECTORY NAME [FILE...]    its settings as a commit, and these files with them
    rm -rf "$tmp/state"
    mkdir "$tmp/state"
    settings "$1" >"$tmp/settings-now"
    less "$tmp/settings-now" "$home/work.settings" | sed 's/^[^ ]* //' >"$tmp/settings-new"
    while IFS= read -r one; do
        mkdir -p "$tmp/state/$(dirname "$one")"
        cp -pP "$1/$one" "$tmp/state/$one"
    done <"$tmp/settings-new"
    as=$2
    shift 2
    for file; do cp "$file" "$tmp/state"; done
    : >"$tmp/except"
    made=$(files_of "$tmp/state" "$tmp/except")
    extra "$made" "$head" "$as" "settings of the repository"
}
