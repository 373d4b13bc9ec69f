# Comes after `snapshot`: repositories that lie within a work tree. git knows them, if at all, by one
# commit, so their files go into the work tree's commit as files, and their git directories
# into a tree of their own, as PATH.git: whole, with all that such a directory can hold.

find_nested() { # [PLACE] -> all: every repository below; kept: those to save; links: submodules
    nested "$tmp/all"
    if one=$(grep "$(printf '\001')" "$tmp/all"); then
        fail 75 "can't save a repository whose name has a line break: $(echo "$one" | tr '\001' '?')"
    fi
    submodules >"$tmp/links"
    unignored "$tmp/all" >"$tmp/unignored"
    less "$tmp/all" "$tmp/unignored" |
        while IFS= read -r path; do
            [ -z "$(wanted "${1-}$path")" ] || printf '%s\n' "$path"
        done | sort - "$tmp/unignored" >"$tmp/kept"
}

wanted() { # PATH    of what is to be kept although git ignores it, that which lies there, seen from it
    P="${1:+$1/}" awk '{ p = ENVIRON["P"] }
        p == "" { print; next }
        $0 == "." || index(p, $0 "/") == 1 { print "."; next }
        index($0, p) == 1 { print substr($0, length(p) + 1) }' "$tmp/wanted"
}

below() { # DIRECTORY    of the repositories in `all`, those below it, seen from it
    P="$1/" awk 'index($0, ENVIRON["P"]) == 1 { print substr($0, length(ENVIRON["P"]) + 1) }' \
        "$tmp/all"
}

shares() { # DIRECTORY    its repository is the host's own
    git_dir_of "$1" >/dev/null || return 1
    there=$(git -C "$1" rev-parse --git-common-dir)
    [ "$(cd "$1" && cd "$there" && pwd -P)" = "$common" ]
}

is_linked() { # DIRECTORY    a further work tree of the host's repository: saved with that one
    shares "$1" || return 1
    # But not a copy of one, nor one that was moved: git has it elsewhere, and so it would be missed.
    at=$(dirname "$(cat "$(git_dir_of "$1")/gitdir" 2>/dev/null)")
    [ -d "$at" ] && [ "$(cd "$at" && pwd -P)" = "$(cd "$1" && pwd -P)" ]
}

look_at_submodule() { # DIRECTORY EXCEPT -> unchanged: its commit, if it has nothing but what came in
    unchanged=
    [ -e "$home/work.refs" ] && grep -qxF -e "$1" "$tmp/links" || return 0
    at=$(git -C "$1" rev-parse -q --verify 'HEAD^{commit}' || :)
    [ -n "$at" ] || return 0
    was=$(git -C "$1" rev-parse "$at^{tree}")
    tree=$(snapshot "$1" "$2")
    index=$(staged "$1")
    odd=$(cd "$1" && lying "$was" "$at")
    new=$(sed -n 's/^./^&/p' "$home/work.refs" |
        git -C "$1" rev-list -n 1 --ignore-missing --all --reflog --stdin || echo unknown)
    [ "$tree $index $odd$new" != "$was $was " ] || unchanged=$at
}

put() { # INDEX PATH TREE    a tree in the place of what an index has there
    indexed "$1" ls-files -z -- ":(top,literal)$2" | lines | sed "s/^/0 $none$tab/" | names |
        indexed "$1" update-index -z --index-info
    [ "$3" = "$empty" ] || indexed "$1" read-tree -i --prefix="$2/" "$3"
}

own_nested() { # those that do not belong to a further work tree, which has its own turn
    while IFS= read -r path; do
        if is_linked "$path"; then printf '%s\n' "$path"; fi
    done <"$tmp/all" >"$tmp/linked"
    F="$tmp/linked" awk 'BEGIN { while ((getline one < ENVIRON["F"]) > 0) at[one "/"] }
        { for (one in at) if (index($0 "/", one) == 1) next; print }' "$tmp/kept"
}

save_nested() { # -> trees: "TREE PATH" or "COMMIT PATH" of a submodule; dirs: an index of git directories
    : >"$tmp/trees"
    rm -f "$tmp/dirs"
    own_nested >"$tmp/own"
    while IFS= read -r path; do
        below "$path" >"$tmp/except"
        if shares "$path"; then
            tree=$(files_of "$path" "$tmp/except") dir=
        elif dir=$(git_dir_of "$path"); then
            lend "$path"
            look_at_submodule "$path" "$tmp/except"
            if [ -n "$unchanged" ]; then
                printf '%s\n' "$unchanged $path" >>"$tmp/trees"
                continue
            fi
            tree=$(as_they_lie "$path" "$tmp/except")
        else
            dir=$path/.git
            tree=$(files_of "$path" "$tmp/except")
        fi
        printf '%s\n' "$tree $path" >>"$tmp/trees"
        [ -d "$dir" ] || continue
        : >"$tmp/except"
        tree=$(files_of "$dir" "$tmp/except")
        put "$tmp/dirs" "$path.git" "$tree"
        [ ! -s "$dir/objects/info/alternates" ] || all_objects "$path"
    done <"$tmp/own"
}

all_objects() { # DIRECTORY    it borrows some from a place that will be gone: a pack has them all
    rm -rf "$tmp/packs"
    mkdir "$tmp/packs"
    git -C "$1" pack-objects --all --reflog --indexed-objects -q "$tmp/packs/pack" </dev/null >/dev/null
    for one in "$tmp"/packs/*; do
        id=$(vault hash-object -w --no-filters "$one")
        printf '100444 %s\t%s\0' "$id" "$1.git/objects/pack/${one##*/}"
    done >"$tmp/packed"
    printf '0 %s\t%s\0' "$none" "$1.git/objects/info/alternates" >>"$tmp/packed"
    indexed "$tmp/dirs" update-index -z --index-info <"$tmp/packed"
}

graft() ( # INDEX [trees]    put the nested repositories' files into it; submodules, too, if not told so
    set -e
    while IFS= read -r line; do
        id=${line%% *} path=${line#* }
        if [ "$(vault cat-file -t "$id" 2>/dev/null)" = tree ]; then
            put "$1" "$path" "$id"
        elif [ -z "${2-}" ]; then
            printf '160000 %s 0\t%s\0' "$id" "$path" | indexed "$1" update-index -z --index-info
        fi
    done <"$tmp/trees"
    indexed "$1" write-tree
)
