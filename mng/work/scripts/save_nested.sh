# Comes after `save`: repositories that lie within the work tree. git knows them, if at all, by one
# commit, so their files go into the work tree's commit as files, and their git directories
# into a tree of their own, as PATH.git: whole, with all that such a directory can hold.

find_nested() { # -> all: every repository below; kept: those that aren't ignored; links: submodules
    nested "$tmp/all"
    if one=$(grep "$(printf '\001')" "$tmp/all"); then
        fail 75 "can't save a repository whose name has a line break: $(echo "$one" | tr '\001' '?')"
    fi
    git ls-files -z -s >"$tmp/stages"
    lines <"$tmp/stages" | sed -n "s/^160000 [^$tab]*$tab//p" >"$tmp/links"
    names <"$tmp/all" | git check-ignore --no-index -z --stdin | lines | sort >"$tmp/maybe" || :
    less "$tmp/maybe" "$tmp/links" >"$tmp/ignored"
    less "$tmp/all" "$tmp/ignored" >"$tmp/kept"
}

less() { # FILE FILE    the lines of the first that the second has not
    if [ -s "$2" ]; then grep -vxF -f "$2" "$1" || :; else cat "$1"; fi
}

below() { # DIRECTORY    of the repositories in `all`, those below it, seen from it
    P="$1/" awk 'index($0, ENVIRON["P"]) == 1 { print substr($0, length(ENVIRON["P"]) + 1) }' \
        "$tmp/all"
}

is_linked() { # DIRECTORY    a further work tree of the host's repository: saved with that one
    git_dir_of "$1" >/dev/null || return 1
    there=$(git -C "$1" rev-parse --git-common-dir)
    [ "$(cd "$1" && cd "$there" && pwd -P)" = "$(cd "$common" && pwd -P)" ]
}

is_unchanged() { # DIRECTORY    a submodule that has nothing but what came in
    grep -qxF -e "$1" "$tmp/links" || return 1
    new=$(git -C "$1" status --porcelain -uall --ignore-submodules=none) || return 1
    [ -z "$new" ] || return 1
    [ -e "$home/work.refs" ] || return 1
    new=$(sed -n 's/^./^&/p' "$home/work.refs" |
        git -C "$1" rev-list -n 1 --ignore-missing --all --stdin) && [ -z "$new" ]
}

put() { # INDEX PATH TREE    a tree in the place of what an index has there
    indexed "$1" ls-files -z -- ":(top,literal)$2" | lines | sed "s/^/0 $none$tab/" | names |
        indexed "$1" update-index -z --index-info
    [ "$3" = "$empty" ] || indexed "$1" read-tree -i --prefix="$2/" "$3"
}

save_nested() { # -> trees: "TREE PATH" or "COMMIT PATH" of a submodule; dirs: an index of git directories
    : >"$tmp/trees"
    while IFS= read -r path; do
        if is_linked "$path"; then continue; fi
        if is_unchanged "$path"; then
            tree=$(git -C "$path" rev-parse HEAD)
            echo "$tree $path" >>"$tmp/trees"
            continue
        fi
        below "$path" >"$tmp/except"
        if dir=$(git_dir_of "$path"); then
            lend "$path"
            tree=$(snapshot "$path" "$tmp/except")
        else
            dir=$path/.git
            tree=$(files_of "$path" "$tmp/except")
        fi
        echo "$tree $path" >>"$tmp/trees"
        [ -d "$dir" ] || continue
        : >"$tmp/except"
        tree=$(files_of "$dir" "$tmp/except")
        put "$tmp/dirs" "$path.git" "$tree"
    done <"$tmp/kept"
}

graft() ( # TREE    the same with the nested repositories' files in it
    set -e
    [ -s "$tmp/trees" ] || { echo "$1"; exit; }
    rm -f "$tmp/whole"
    indexed "$tmp/whole" read-tree "$1"
    while IFS=' ' read -r id path; do
        if [ "$(vault cat-file -t "$id" 2>/dev/null)" = tree ]; then
            put "$tmp/whole" "$path" "$id"
        else
            printf '160000 %s 0\t%s\0' "$id" "$path" |
                indexed "$tmp/whole" update-index -z --index-info
        fi
    done <"$tmp/trees"
    indexed "$tmp/whole" write-tree
)
