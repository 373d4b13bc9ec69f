# save LABEL EPOCH MODE     a pack of the host's work on stdout; object names on stdin, a line each
#
# MODE is `thin` (what stdin names is there already, and need not travel) or `whole`.
# stderr, in lines that begin with "= ": `no-tree`, `nothing`, `shallow`, `branch B`, `commits N`,
# `dirty N`, and `ref ID NAME` for each that is to be made. Nothing in the work tree, its index or
# its repository changes: what has to be made for the save lies in a repository beside them.
label=$1 when=$2 mode=$3
export GIT_AUTHOR_DATE="@$when +0000" GIT_COMMITTER_DATE="@$when +0000"
tab=$(printf '\t')
report() { echo "= $*" >&2; }

if [ ! -d "$work" ]; then
    report no-tree
    exit 0
fi
lock "$home/save.lock"
wipe "$home"/save.tmp-*
tmp=$(mktemp -d "$home/save.tmp-XXXXXX")
trap 'wipe "$tmp"' EXIT
trap 'exit 130' HUP INT TERM
sort -u >"$tmp/asked"
[ "$mode" = thin ] || cp "$home/work.refs" "$tmp/asked" 2>/dev/null || :

vault() { git --git-dir="$tmp/vault" "$@"; }
indexed() ( # INDEX ARGUMENT...    the vault with an index
    export GIT_INDEX_FILE="$1"
    shift
    vault "$@"
)

git_dir_of() { # DIRECTORY    its repository, if it is the top of one that works
    top=$(git -C "$1" rev-parse --show-toplevel 2>/dev/null) || return 1
    [ "$top" = "$(cd "$1" && pwd -P)" ] && git -C "$1" rev-parse --absolute-git-dir
}

git_path() ( # DIRECTORY NAME
    cd "$1"
    path=$(git rev-parse --git-path "$2")
    case $path in /*) echo "$path" ;; *) echo "$PWD/$path" ;; esac
)

lend() { # DIRECTORY    let the vault see the objects of the repository there
    git_path "$1" objects >>"$tmp/vault/objects/info/alternates"
}

with_index_of() { # DIRECTORY    work on a copy of its index; new objects go to the vault
    cd "$1"
    index=$(git_path . index)
    rm -f "$tmp/index"
    # Its time must stay: git tells by it which files it has to look into.
    [ ! -e "$index" ] || cp -p "$index" "$tmp/index"
    export GIT_INDEX_FILE="$tmp/index" GIT_OBJECT_DIRECTORY="$tmp/vault/objects"
}

watch_all() { # look also at those files that git was told not to look at
    git ls-files -z -v >"$tmp/tags"
    lines <"$tmp/tags" | sed -n 's/^[a-zS] //p' |
        while IFS= read -r name; do
            path=$(printf '%s.' "$name" | tr '\001' '\n')
            path=${path%.}
            if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\n' "$name"; fi
        done | names >"$tmp/unwatched"
    if [ -s "$tmp/unwatched" ]; then
        git update-index -z --no-assume-unchanged --stdin <"$tmp/unwatched"
        git update-index -z --no-skip-worktree --stdin <"$tmp/unwatched"
    fi
}

# bash forgets `set -e` in a command substitution, so a body in parentheses says it again.
snapshot() ( # DIRECTORY EXCEPT    the tree of what lies there, without ignored files
    set -e
    with_index_of "$1"
    watch_all
    all_but <"$2" | git add -A --pathspec-from-file=- --pathspec-file-nul 2>"$tmp/said" ||
        { cat "$tmp/said" >&2; exit 1; }
    # For git that is a warning; for us it is work that would be lost.
    if grep "could not open directory" "$tmp/said" >&2; then exit 1; fi
    git write-tree
)

staged() ( # DIRECTORY    the tree of its index; nothing if a merge is unfinished
    set -e
    with_index_of "$1"
    [ ! -e "$GIT_INDEX_FILE" ] || git write-tree 2>/dev/null || :
)

files_of() ( # DIRECTORY EXCEPT    the same as snapshot, where no repository helps
    set -e
    cd "$1"
    rm -f "$tmp/index"
    export GIT_INDEX_FILE="$tmp/index"
    all_but <"$2" | vault --work-tree=. -c core.autocrlf=false -c core.attributesFile=/dev/null \
        add -A -f --pathspec-from-file=- --pathspec-file-nul
    vault write-tree
)

commit() { # TREE PARENT WORDS
    vault commit-tree ${2:+-p "$2"} -m "$label: $3" "$1"
}

ref() { echo "$1 $2" >>"$tmp/list"; }

changes() { # TREE TREE...    how many paths differ between the first and the others
    from=$1
    shift
    for to; do
        [ -z "$to" ] || vault diff-tree -r -z --no-renames --name-only "$from" "$to" | lines
    done | sort -u | wc -l | tr -d ' '
}

tree_of() { # COMMIT    its tree; the empty tree for none
    if [ -n "$1" ]; then vault rev-parse "$1^{tree}"; else echo "$empty"; fi
}

# What is not committed in a work tree, as commits on top of its HEAD.
uncommitted() { # TREE INDEX-TREE HEAD PREFIX
    was=$(tree_of "$3")
    if [ -n "$2" ] && [ "$2" != "$was" ]; then
        made=$(commit "$2" "$3" "staged")
        ref "$made" "$4index"
    fi
    if [ "$1" != "$was" ]; then
        made=$(commit "$1" "$3" "uncommitted work")
        ref "$made" "$4work-tree"
    fi
    dirty=$((dirty + $(changes "$was" "$1" "$2")))
}
