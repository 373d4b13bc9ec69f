# inward       a tar stream on stdin -> the work tree, made whole beside its place and then renamed
#
# The stream: `kind` (a line: git, folder, none), `facts` (inside of a JSON object), `prefix`, a directory
# repo/NNNN for every repository, root first, tree/... with the files that git can't check out,
# and `end`. Safe to repeat; a tree that is there is left alone.
leave_if_done() {
    if [ -e "$home/work.done" ]; then
        wipe "$work.tmp-$mark-"* # of one that was killed after the rename
        exit 0
    fi
}

leave_if_done
lock "$home/lock"
leave_if_done

begun() { # was a tree left that had not been moved to its place?
    for tree in "$work.tmp-$mark-"*/tree; do
        [ ! -e "$tree" ] || return 0
    done
    return 1
}

if [ -e "$home/work.next" ] && [ -d "$work" ] && ! begun; then
    mv "$home/work.next" "$home/work.done"
    leave_if_done
fi
rm -f "$home/work.next"
wipe "$work.tmp-$mark-"*

[ -L "$work" ] || rmdir "$work" 2>/dev/null || :
if [ -e "$work" ] || [ -L "$work" ]; then
    fail 73 "$work is in the way: it is not empty; if a host before this one left it, move it away"
fi
# The home itself is never made: of a host that ended meanwhile, no half may come back.
case $work in "$home"/*) ;; *) mkdir -p "${work%/*}/" ;; esac
tmp=$(mktemp -d "$work.tmp-$mark-XXXXXX")
trap 'wipe "$tmp"' EXIT
trap 'exit 130' HUP INT TERM

said=$(tar -x -p -o -f - -C "$tmp" 2>&1) ||
    fail 65 "the files did not arrive whole: $(echo "$said" | tail -n 1)"
[ -e "$tmp/end" ] || fail 65 "the stream was cut short"
# Is there anything that git would not have checked out by itself?
dirty=
if [ -e "$tmp/tree" ] || [ -e "$tmp/repo/0000/clean" ]; then dirty=1; fi
mkdir -p "$tmp/tree"

fetch() { # REPO    objects and refs, from a directory on this disk or out of the stream
    if [ -e "$1/source" ]; then
        source=$(cat "$1/source"; echo .)
        git clone -q --bare --no-hardlinks --template= -- "${source%.}" .git
        git config core.bare false
        git config --remove-section remote.origin
        # The user's gc must not be able to break this tree.
        if [ -e .git/objects/info/alternates ]; then
            git repack -q -a -d
            rm .git/objects/info/alternates
        fi
        return
    fi
    GIT_DEFAULT_HASH=$(cat "$1/format")
    export GIT_DEFAULT_HASH
    git init -q --template=
    [ ! -s "$1/shallow" ] || cp "$1/shallow" .git/shallow
    if [ -d "$1/pack" ]; then
        cat "$1"/pack/* | git index-pack --stdin >/dev/null
        sed 's/^\([0-9a-f]*\) \(.*\)$/create \2 \1/' "$1/refs" | git update-ref --stdin
        git pack-refs --all
    fi
}

check_out() { # REPO    HEAD, the index as HEAD, and those of its files that are as in HEAD
    read -r base <"$1/base"
    read -r branch <"$1/branch"
    if [ -n "$branch" ]; then
        git symbolic-ref HEAD "refs/heads/$branch"
        [ -z "$base" ] || git update-ref "refs/heads/$branch" "$base"
    else
        git update-ref --no-deref HEAD "$base"
    fi
    if [ -e "$tmp/restored" ]; then
        restore
        return
    fi
    [ -n "$base" ] || return 0
    git read-tree HEAD
    if [ -e "$1/clean" ]; then
        git checkout-index -q -u -z --stdin <"$1/clean"
    else
        git checkout-index -q -u -a
    fi
}

saved() { sed -n "s| $1\$||p" "$tmp/restored"; } # NAME    its object

lay_out() ( # TREE    its files, beside those that lie there
    export GIT_INDEX_FILE="$tmp/laid-out"
    git read-tree "$1"
    git checkout-index -q -a
)

restore_tree() { # PREFIX HEAD    here: the files, what git ignores, nested repositories, the index
    tree=$(saved "$1work-tree")
    tree=${tree:-$2}
    [ -z "$tree" ] || lay_out "$tree"
    for tree in "$(saved "$1as-is")" "$(saved "$1kept")"; do
        [ -z "$tree" ] || exactly "$tree" .
    done
    tree=$(saved "$1index")
    tree=${tree:-$2}
    [ -z "$tree" ] || git read-tree "$tree"
    tree=$(saved "$1unmerged")
    [ -z "$tree" ] || not_merged "$tree"
    tree=$(saved "$1git-dirs")
    [ -z "$tree" ] || restore_nested "$tree"
    git update-index -q --refresh >/dev/null || :
}

not_merged() { # TREE    the index's sides of what was not merged, each as SIDE/PATH
    git ls-tree -r -z "$1" | lines >"$tmp/sides"
    none=$(git hash-object --stdin </dev/null | tr '0-9a-f' 0)
    {
        sed "s/^[^$tab]*$tab[123]\//0 $none$tab/" "$tmp/sides" | sort -u
        sed "s/^\([0-7]*\) [a-z]* \([0-9a-f]*\)$tab\([123]\)\//\1 \2 \3$tab/" "$tmp/sides"
    } | names | git update-index -z --index-info
}

restore() { # all that was saved
    restore_tree "" "$base"
    tree=$(saved lfs)
    if [ -n "$tree" ]; then
        mkdir -p .git/lfs/objects
        exactly "$tree" .git/lfs/objects
    fi
    tree=$(saved settings)
    [ -z "$tree" ] || exactly "$tree" .git
    sed -n 's|^\([0-9a-f]*\) stash/\([0-9]*\)$|\2 \1|p' "$tmp/restored" | sort -rn |
        while read -r _ id; do
            git stash store -m "$(git log -1 --format=%s "$id")" "$id"
        done
    sed -n 's|^\([0-9a-f]*\) worktrees/\([^/]*\)/settings$|\2 \1|p' "$tmp/restored" >"$tmp/linked"
    while read -r name tree; do
        restore_linked "$name" "$tree"
    done <"$tmp/linked"
}

restore_linked() ( # NAME SETTINGS    a further work tree, where it lay within this one
    meta=$PWD/.git/worktrees/$1
    mkdir -p "$meta"
    exactly "$2" "$meta"
    place=$(cat "$meta/place")
    rm "$meta/place"
    # One that lay elsewhere stays in what was saved: that place is not this host's.
    case $place in /*) wipe "$meta" && exit 0 ;; esac
    echo ../.. >"$meta/commondir"
    echo "$work/$place/.git" >"$meta/gitdir"
    mkdir -p "$place"
    cd "$place"
    echo "gitdir: $work/.git/worktrees/$1" >.git
    export GIT_DIR="$meta" GIT_WORK_TREE="$PWD"
    restore_tree "worktrees/$1/" "$(saved "worktrees/$1/HEAD")"
)

exactly() ( # TREE DIRECTORY    its files, byte for byte
    objects=$(git_path . objects)
    unset GIT_DIR GIT_WORK_TREE # of a further work tree
    rm -rf "$tmp/plain.git" "$tmp/plain-index"
    git -C "$tmp" init -q --bare --template= plain.git
    mkdir -p "$tmp/plain.git/info" "$tmp/plain.git/objects/info"
    as_it_is >"$tmp/plain.git/info/attributes"
    echo "$objects" >"$tmp/plain.git/objects/info/alternates"
    cd "$2"
    export GIT_DIR="$tmp/plain.git" GIT_WORK_TREE=.
    git read-tree "$1"
    git checkout-index -q -a -f
)

restore_nested() { # TREE    git directories, each as PATH.git
    wipe "$tmp/dirs"
    mkdir "$tmp/dirs"
    exactly "$1" "$tmp/dirs"
    (cd "$tmp/dirs" && find . -type d -name '*.git' | sort) >"$tmp/dirs-found"
    while IFS= read -r found; do
        [ -f "$tmp/dirs/$found/HEAD" ] || continue
        path=${found%.git}
        mkdir -p "$path"
        mv "$tmp/dirs/$found" "$path/.git"
        mkdir -p "$path/.git/refs" "$path/.git/objects"
        git config --file "$path/.git/config" --unset core.worktree || :
        if [ -n "$(git ls-files -s -- ":(literal)$path" | grep '^160000')" ]; then
            as_submodule "$path" >/dev/null 2>&1 || :
        fi
    done <"$tmp/dirs-found"
}

bring() ( # REPO
    path=$(cat "$1/path"; echo .)
    mkdir -p "$tmp/tree/${path%.}"
    cd "$tmp/tree/${path%.}"
    fetch "$1"
    check_out "$1"
    mkdir -p .git/info .git/hooks
    cat "$1/exclude" >>.git/info/exclude
    : >>"$tmp/refs"
    if [ -e "$tmp/restored" ]; then return; fi # it came from the source, but may not stay there
    git for-each-ref --format='%(objectname)' >>"$tmp/refs"
    cat "$1/base" >>"$tmp/refs"
)

as_submodule() {
    git submodule --quiet init -- "$1"
    git submodule --quiet absorbgitdirs -- "$1"
}

adopt() ( # REPO    a submodule: known to the configuration, its git directory where git puts it
    [ -e "$1/submodule" ] || return 0
    path=$(cat "$1/path"; echo .)
    cd "$tmp/tree"
    as_submodule "${path%.}"
)

begin_repository() ( # WORDS    a folder's files, or nothing, as the first commit
    cd "$tmp/tree"
    [ -e .git ] || git init -q
    git symbolic-ref HEAD refs/heads/main
    nested "$tmp/inner"
    all_but <"$tmp/inner" | git add -A --pathspec-from-file=- --pathspec-file-nul
    tree=$(git write-tree)
    commit=$(git commit-tree -m "$1" "$tree")
    git update-ref HEAD "$commit"
    echo "$commit" >"$tmp/refs"
)

remember() (
    set -e
    cd "$tmp/tree"
    if [ -e "$tmp/restored" ]; then return; fi # the source has none of it: all is the host's
    settings "$tmp/tree/.git" >"$home/work.settings"
    git for-each-ref --format='create refs/mng/source/%(refname:lstrip=1) %(objectname)' \
        refs/heads refs/tags >"$tmp/source-refs"
    made=$(git rev-parse -q --verify HEAD || :)
    if [ -n "$dirty" ]; then
        tmp=$tmp/remember
        mkdir "$tmp"
        open_vault
        find_nested
        plain=$(snapshot . "$tmp/kept")
        made=$(commit "$plain" "$head" "the work tree as it came")
        { echo "$made"; [ -z "$head" ] || echo "^$head"; } |
            vault pack-objects --revs --stdout -q | git index-pack --stdin >/dev/null
        tmp=${tmp%/remember}
    fi
    [ -z "$made" ] || echo "create refs/mng/source/work-tree $made" >>"$tmp/source-refs"
    git update-ref --stdin <"$tmp/source-refs"
    git pack-refs --all
)

read -r kind <"$tmp/kind"
case $kind in
    git)
        for repo in "$tmp"/repo/*; do bring "$repo"; done
        # As good as can be: a submodule that git can't place is still whole where it lies.
        for repo in "$tmp"/repo/*; do adopt "$repo" >/dev/null 2>&1 || :; done
        ;;
    folder) begin_repository "as found" ;;
    *) begin_repository "nothing yet" ;;
esac

# Where an agent that wants a tree of its own is sent: it is no untracked directory for the others.
(cd "$tmp/tree" && mkdir -p .git/info && echo /.worktrees/ >>.git/info/exclude)
remember # the source's branches, and its tree as it lay: what is not as here was changed on the host
base=$(git -C "$tmp/tree" rev-parse -q --verify HEAD || :)
mv "$tmp/prefix" "$home/work.prefix"
mv "$tmp/refs" "$home/work.refs"
printf '{"base": "%s", %s}\n' "$base" "$(cat "$tmp/facts")" >"$tmp/work.next"
mv "$tmp/work.next" "$home/work.next"
mv "$tmp/tree" "$work"
wipe "$tmp" # before the last word: whoever finds that comes here no more
mv "$home/work.next" "$home/work.done"
