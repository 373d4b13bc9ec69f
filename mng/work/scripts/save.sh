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
    dirty=$((dirty + $(changes "$was" "$1" "$2")))
}
