# Comes after `snapshot`: files that git changes on their way in or out, by a filter or at their line
# ends, would not come back as they lie.

converted() { # TREE COMMIT    of a tree, the files that git may change: "in PATH", "out PATH"
    vault ls-tree -r -z "$1" | lines | sed -n "s/^100[^$tab]*$tab//p" >"$tmp/blobs"
    [ -s "$tmp/blobs" ] || return 0
    entries "$(tree_of "$2")" "$1" | cut -f 2- >"$tmp/new-paths"
    names <"$tmp/blobs" | git check-attr -z --stdin text eol ident filter working-tree-encoding |
        lines | AUTO="$(git config core.autocrlf || :)" EOL="$(git config core.eol || :)" \
        F="$tmp/new-paths" awk '
            BEGIN { while ((getline path < ENVIRON["F"]) > 0) new[path]
                auto = ENVIRON["AUTO"]; eol = ENVIRON["EOL"] }
            NR % 3 == 1 { path = $0; next }
            NR % 3 == 2 { name = $0; next }
            name == "text" && $0 == "unspecified" && auto ~ /^(true|input)$/ { $0 = "auto" }
            $0 == "unspecified" || $0 == "unset" { next }
            # What git-lfs has, and nobody touched, lies at the source.
            name == "filter" && $0 == "lfs" && !(path in new) { next }
            { print "in " path }
            name != "text" || auto == "true" || eol == "crlf" { print "out " path }' | sort -u
}

hashed() ( # INDEX DIRECTORY    the tree of files there, byte for byte; their names on stdin
    set -e
    rm -f "$1"
    cd "$2"
    names | indexed "$1" --work-tree=. update-index -z --add --remove --stdin
    indexed "$1" write-tree
)

check_out_beside() ( # TREE    those of its files whose names are on stdin, into smudged
    rm -rf "$tmp/smudged"
    mkdir "$tmp/smudged"
    with_index_of .
    git read-tree "$1"
    # A filter that fails leaves its file out, and that is then one that a checkout would not make.
    names | git checkout-index -q --prefix="$tmp/smudged/" -z --stdin 2>/dev/null || :
)

lying() ( # TREE COMMIT    what a checkout of the tree would not make as it lies here, for an index
    set -e
    converted "$1" "$2" >"$tmp/converted"
    sed -n 's/^in //p' "$tmp/converted" >"$tmp/converted-in"
    [ -s "$tmp/converted-in" ] || exit 0
    here=$(hashed "$tmp/index" . <"$tmp/converted-in")
    entries "$1" "$here" --diff-filter=M >"$tmp/lying"
    sed -n 's/^out //p' "$tmp/converted" >"$tmp/converted-out"
    if [ -s "$tmp/converted-out" ]; then
        check_out_beside "$1" <"$tmp/converted-out"
        made=$(hashed "$tmp/index" "$tmp/smudged" <"$tmp/converted-out")
        entries "$made" "$here" --diff-filter=AM | F="$tmp/converted-out" awk '
            BEGIN { while ((getline path < ENVIRON["F"]) > 0) want[path] }
            substr($0, index($0, "\t") + 1) in want' >>"$tmp/lying"
    fi
    sort -u "$tmp/lying"
)
