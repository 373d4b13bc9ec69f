# What lies in a work tree, as git trees and commits.
tab=$(printf '\t')

# A repository for what has to be made, beside those that are looked at: nothing in the work tree,
# its index or its repository changes. Needs tmp, a directory of our own.
vault() { git --git-dir="$tmp/vault" "$@"; }

open_vault() { # in the work tree. Sets common, head, empty, none
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
    (cd "$tmp" && mkdir -p vault/objects/info vault/info && as_it_is >vault/info/attributes)
    lend .
    [ ! -s "$(git_path . shallow)" ] || cp "$(git_path . shallow)" "$tmp/vault/shallow"
}

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

entries() { # TREE TREE [OPTION]    what the second has in the place of what differs, for an index
    vault diff-tree -r -z --no-renames ${3:-} "$1" "$2" | lines |
        awk 'NR % 2 { split($0, f, " "); next } { print f[2] " " f[4] "\t" $0 }'
}

tree_of() { # COMMIT    its tree; the empty tree for none
    if [ -n "$1" ]; then vault rev-parse "$1^{tree}"; else echo "$empty"; fi
}

commit() { # TREE PARENT WORDS
    vault commit-tree ${2:+-p "$2"} -m "$3" "$1"
}

whole_tree() { # -> plain: all that lies in the work tree; tree: with nested repositories' files
    find_nested
    save_nested
    plain=$(snapshot . "$tmp/kept")
    tree=$(graft "$plain")
}
