# Comes after `converted`: files take the place of others while agents are at work. What lies there
# is first moved aside, then looked at: who wrote into it at the last moment gets it back.
aside=$work.push-$mark # on the same disk: a rename loses nothing

raw() { # DIRECTORY    "MODE ID<tab>PATH" of the files there, byte for byte; their names on stdin
    tree=$(hashed "$tmp/raw" "$1")
    entries "$empty" "$tree" | sort
}

per_directory() { # LIST FUNCTION    with a directory, and in `some` the names in it, of a list of paths
    sed 's|[^/]*$||' "$1" | sort -u >"$tmp/directories"
    while IFS= read -r dir; do
        D="$dir" awk 'index($0, ENVIRON["D"]) == 1 {
            name = substr($0, length(ENVIRON["D"]) + 1); if (name !~ /\//) print "./" name }' "$1" >"$tmp/some"
        at=$(printf '%s.' "$dir" | tr '\001' '\n')
        "$2" "${at%.}"
    done <"$tmp/directories"
}

move_aside() { # DIRECTORY    those in `some` that are there
    mkdir -p "$aside/old/$1"
    [ ! -d "./$1" ] || (cd "./$1" && names <"$tmp/some" |
        xargs -0 sh -c 'mv -f -- "$@" "$0" 2>/dev/null || :' "$aside/old/$1")
}

swap() { # DIRECTORY    those in `some` go aside, and the new ones come
    move_aside "$1"
    mkdir -p "./$1"
    # A link, and not a rename, fails where somebody has made a file meanwhile.
    (cd "$aside/new/$1" && names <"$tmp/some" |
        xargs -0 sh -c 'ln -P -- "$@" "$0" 2>/dev/null || :' "$work/$1")
    while IFS= read -r name; do
        path=$(printf '%s.' "$1$name" | tr '\001' '\n')
        path=${path%.}
        [ -e "$path" ] || [ -L "$path" ] || cp -pP "$aside/new/$path" "$path" # no links on this disk
    done <"$tmp/some"
}

# Of what was moved aside, that which is not as it was looked at goes back. Prints what is so.
settle() { # [all]    with what is as it was, if nothing came in its place
    (cd "$aside/old" && find . ! -type d -print0) | lines | sed 's|^\./||' >"$tmp/moved-aside"
    raw "$aside/old" <"$tmp/moved-aside" | LC_ALL=C sort >"$tmp/raw-now"
    LC_ALL=C sort "$aside/expected" | LC_ALL=C comm -23 "$tmp/raw-now" - | cut -f 2- >"$tmp/others-work"
    back "${1-}" <"$tmp/moved-aside"
    rm -rf "$aside"
}

back() {
    while IFS= read -r name; do
        path=$(printf '%s.' "$name" | tr '\001' '\n')
        path=${path%.}
        theirs=
        if grep -qxF -e "$name" "$tmp/others-work"; then theirs=1; fi
        there=
        if [ -e "$path" ] || [ -L "$path" ]; then there=1; fi
        if [ -n "$theirs" ] && [ -n "$there" ] && ! [ "$path" -ef "$aside/new/$path" ]; then
            mv -f "$aside/old/$path" "$path~mng"
            echo "$name was changed twice on the host meanwhile: what it was lies in $name~mng"
        elif [ -n "$theirs" ] || { [ -n "$1" ] && [ -z "$there" ]; }; then
            case $path in */*) mkdir -p "${path%/*}" ;; esac
            mv -f "$aside/old/$path" "$path"
            [ -z "$theirs" ] || echo "$name was changed on the host meanwhile, and stays as it is there"
        fi
    done
}

recover() { # from a push that was killed
    [ ! -e "$aside/expected" ] || settle all >/dev/null
    rm -rf "$aside"
}
