# What lies in a work tree, as git trees and commits.
tab=$(printf '\t')

# A repository for what has to be made, beside those that are looked at: nothing in the work tree,
# its index or its repository changes. Needs tmp, a directory of our own.
vault() { git --git-dir="$tmp/vault" "$@"; }

open_vault() { # in the work tree. Sets common, head, empty, none
    git_dir_of . >/dev/null || fail 74 "the repository in $work is broken"
    common=$(cd "$(git rev-parse --git-common-dir)" && pwd -P)
    head=
    if git rev-parse -q --verify HEAD >/dev/null; then head=$(git rev-parse 'HEAD^{commit}'); fi
    GIT_DEFAULT_HASH=$(git rev-parse --show-object-format)
    export GIT_DEFAULT_HASH
    # By relative names: else all of the path would be made anew if the host is removed just now.
    git -C "$tmp" init -q --bare --template= vault
    empty=$(vault mktree </dev/null)
    none=$(echo "$empty" | tr '0-9a-f' 0)
    (cd "$tmp" && mkdir -p vault/objects/info vault/info && as_it_is >vault/info/attributes)
    : >"$tmp/wanted"
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

submodules() { # here
    git ls-files -z -s | lines | sed -n "s/^160000 [^$tab]*$tab//p"
}

less() { # FILE FILE    the lines of the first that the second has not
    if [ -s "$2" ]; then grep -vxF -f "$2" "$1" || :; else cat "$1"; fi
}

unignored() { # FILE    of repositories below, those that git here does not ignore, or has as submodules
    [ -s "$1" ] || return 0
    # An index without submodules: check-ignore refuses to look into one.
    names <"$1" | GIT_INDEX_FILE="$tmp/none" git check-ignore --no-index -z --stdin |
        lines >"$tmp/maybe" || :
    submodules >"$tmp/not-ignored"
    less "$tmp/maybe" "$tmp/not-ignored" >"$tmp/ignored"
    less "$1" "$tmp/ignored"
}

add_all_but() { # EXCEPT GIT ARGUMENT...    by a function that is a git
    except=$1
    shift
    all_but <"$except" | "$@" --pathspec-from-file=- --pathspec-file-nul 2>"$tmp/said" ||
        { cat "$tmp/said" >&2; exit 1; }
    # For git that is a warning; for us it is work that would be lost.
    if grep "could not open directory" "$tmp/said" >&2; then exit 1; fi
}

# bash forgets `set -e` in a command substitution, so a body in parentheses says it again.
snapshot() ( # DIRECTORY EXCEPT    the tree of what lies there, without ignored files
    set -e
    with_index_of "$1"
    watch_all
    unignored "$2" >"$tmp/but" # git does not let one exclude what it ignores
    add_all_but "$tmp/but" git add -A
    git write-tree
)

staged() ( # DIRECTORY    the tree of its index; of a path that is not merged, our side
    set -e
    with_index_of "$1"
    [ -e "$GIT_INDEX_FILE" ] || exit 0
    git ls-files -z -u | lines | awk -F "$tab" -v none="$none" '
        { split($1, f, " "); path = substr($0, length($1) + 2); rank = f[3] == 2 ? 4 : f[3]
          if (rank > best[path]) { best[path] = rank; entry[path] = f[1] " " f[2] } }
        END { for (p in entry) print "0 " none "\t" p "\n" entry[p] " 0\t" p }' |
        names | git update-index -z --index-info
    git write-tree
)

unmerged() ( # here    the tree of the index's sides of what is not merged, as SIDE/PATH
    set -e
    git ls-files -z -u | lines | sed "s/^\([^$tab]*\) \([123]\)$tab/\1 0$tab\2\//" | names >"$tmp/sides"
    rm -f "$tmp/index"
    indexed "$tmp/index" update-index -z --index-info <"$tmp/sides"
    indexed "$tmp/index" write-tree
)

files_of() ( # DIRECTORY EXCEPT    all that lies there, byte for byte, where no repository helps
    set -e
    cd "$1"
    rm -f "$tmp/index"
    export GIT_INDEX_FILE="$tmp/index"
    add_all_but "$2" vault --work-tree=. -c core.attributesFile=/dev/null add -A -f
    vault write-tree
)

as_they_lie() ( # DIRECTORY EXCEPT    all that lies there, byte for byte, without ignored files
    set -e
    cd "$1"
    rm -f "$tmp/index"
    git ls-files -z -s >"$tmp/tracked" # without what git knows of them: all are looked into
    unignored "$2" >"$tmp/but"
    cp "$(git_path . info/exclude)" "$tmp/vault/info/exclude" 2>/dev/null || :
    if rules=$(git config --path core.excludesFile); then
        vault config core.excludesFile "$rules"
    fi
    export GIT_INDEX_FILE="$tmp/index"
    vault update-index -z --index-info <"$tmp/tracked"
    add_all_but "$tmp/but" vault --work-tree=. add -A
    rm -f "$tmp/vault/info/exclude"
    vault config --unset core.excludesFile || :
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

settings() ( # GIT-DIRECTORY    what git has under way there and how it was set: "HASH NAME"
    set -e
    cd "$1"
    for one in *_HEAD MERGE_* SQUASH_MSG BISECT_* rebase-merge rebase-apply sequencer hooks \
        config config.worktree info/exclude info/attributes info/sparse-checkout; do
        case $one in FETCH_HEAD | ORIG_HEAD) continue ;; esac
        [ ! -e "$one" ] || find "$one" ! -type d ! -name '*.sample' ! -name '*.lock' -exec test -f {} \; -print
    done | sort >"$tmp/settings"
    git hash-object --no-filters --stdin-paths <"$tmp/settings" | paste -d ' ' - "$tmp/settings"
)
