# push     moves the host's branches, tags and files to those of the source, where nobody on the host
# has changed them; else it says why not, and touches nothing. The objects are there already.
# stdin, a line each: `branch REF` that is out at the source, `work ID` of its tree as it lies (to
# bring that too) and `ref ID REF`. stdout: `conflict WORDS`, or `moved REF OLD NEW`, `ahead REF`,
# `files N`. Safe to repeat: what an earlier one, cut off, has done is as it should be.
cd "$work"
lock "$home/save.lock"
wipe "$home"/save.tmp-*
tmp=$(mktemp -d "$home/save.tmp-XXXXXX")
trap 'wipe "$tmp"' EXIT
trap 'exit 130' HUP INT TERM
# No commit of an agent comes in between.
exec 8>>"$(git rev-parse --absolute-git-dir)/mng-commit.lock"
! command -v flock >/dev/null || flock 8
open_vault
recover
: >"$tmp/conflicts" >"$tmp/orders" >"$tmp/out"
conflict() { printf 'conflict %s\n' "$*" >>"$tmp/conflicts"; }
order() { echo "$*" >>"$tmp/orders"; }

theirs_out='' lying=''
while read -r word one two; do
    case $word in
    branch) theirs_out=$one ;;
    work) lying=$one ;;
    ref) echo "theirs $one $two" ;;
    esac
done >"$tmp/theirs"
out=$(git symbolic-ref -q HEAD || :)
new=$head # what HEAD's commit will be

refs() { # VERDICT REF THEIRS OURS    of each that differs from what the source last had, or from ours
    {
        cat "$tmp/theirs"
        git for-each-ref --format='ours %(objectname) %(refname)' refs/heads refs/tags
        git for-each-ref --format='was %(objectname) refs/%(refname:lstrip=3)' \
            refs/mng/source/heads refs/mng/source/tags
    } | awk '{ v[$1, $3] = $2; if ($1 == "theirs") names[$3] }
        END {
            for (n in names) {
                theirs = v["theirs", n]; ours = v["ours", n]; was = v["was", n]
                if (ours == theirs) verdict = was == theirs ? "" : "same"
                else if (ours == "" ) verdict = "move"
                else if (ours == was) verdict = "move"
                else verdict = was == theirs ? "" : "both"
                if (verdict != "") print verdict, n, theirs, ours
            }
        }' | sort
}

elsewhere() { # REF    the further work tree in which a branch is out
    git for-each-ref --format='%(worktreepath)' "$1" | grep -vxF -e "$(pwd -P)" || :
}

under_way() { # GIT-DIRECTORY    what git has not finished there, in a word
    for one in MERGE_HEAD:merge CHERRY_PICK_HEAD:cherry-pick REVERT_HEAD:revert BISECT_LOG:bisect \
        rebase-merge:rebase rebase-apply:rebase; do
        [ ! -e "$1/${one%:*}" ] || { echo "${one#*:}"; return; }
    done
}

for dir in "$(git rev-parse --absolute-git-dir)" "$common"/worktrees/*; do
    word=$(under_way "$dir")
    [ -z "$word" ] || conflict "a $word is unfinished on the host"
done
refs >"$tmp/refs"
while read -r verdict name theirs ours; do
    if [ "$verdict" = both ]; then
        if [ "${name#refs/tags/}" != "$name" ]; then
            conflict "$name is another one on the host"
            continue
        elif git merge-base --is-ancestor "$ours" "$theirs"; then
            verdict=move
        elif git merge-base --is-ancestor "$theirs" "$ours"; then
            echo "ahead $name" >>"$tmp/out"
            verdict=same
        else
            n=$(git rev-list --count "$theirs..$ours")
            conflict "$name has $n commits on the host that yours has not, and yours has others"
            continue
        fi
    fi
    order "update refs/mng/source/${name#refs/} $theirs"
    [ "$verdict" = move ] || continue
    other=$(elsewhere "$name")
    if [ -n "$other" ]; then
        conflict "$name is out in the host's work tree $other"
        continue
    fi
    order "update $name $theirs ${ours:-$none}"
    echo "moved $name ${ours:--} $theirs" >>"$tmp/out"
    [ "$name" != "$out" ] || new=$theirs
done <"$tmp/refs"
if [ -n "$lying" ] && [ "$theirs_out" != "$out" ]; then
    conflict "yours has ${theirs_out#refs/heads/} checked out, the host has ${out#refs/heads/}"
fi

differ() { # TREE TREE    the paths that do, a line each
    vault diff-tree -r -z --no-renames --name-only "$1" "$2" | lines | LC_ALL=C sort
}
both() { LC_ALL=C comm -12 "$1" "$2"; }

was=$(tree_of "$head") now=$(tree_of "$new")
came=$(tree_of "$(git rev-parse -q --verify refs/mng/source/work-tree || echo "$head")")
lies=$came target=$now
[ -z "$lying" ] || { lies=$(tree_of "$lying"); target=$lies; }

# Paths whose files, or entries in the index, are not as any state of the source had them.
changed_here() {
    differ "$was" "$now" >"$tmp/moved"
    { cat "$tmp/moved"; [ -z "$lying" ] || differ "$came" "$lies"; } | LC_ALL=C sort -u >"$tmp/paths"
    [ -s "$tmp/paths" ] || return 0
    find_nested
    plain=$(snapshot . "$tmp/kept")
    cp "$tmp/paths" "$tmp/bad"
    for known in "$was" "$now" "$came" "$lies"; do
        differ "$plain" "$known" >"$tmp/differ"
        both "$tmp/bad" "$tmp/differ" >"$tmp/bad.next"
        mv "$tmp/bad.next" "$tmp/bad"
    done
    sed 's/$/ was changed on the host/' "$tmp/bad"
    index=$(staged .)
    cp "$tmp/moved" "$tmp/bad"
    for known in "$was" "$now"; do
        differ "$index" "$known" >"$tmp/differ"
        both "$tmp/bad" "$tmp/differ" >"$tmp/bad.next"
        mv "$tmp/bad.next" "$tmp/bad"
    done
    sed 's/$/ is staged on the host/' "$tmp/bad"
}

# What to write and to remove, and what lies in the way of it: ignored files, most of all.
prepare() {
    differ "$plain" "$target" >"$tmp/differ"
    both "$tmp/paths" "$tmp/differ" >"$tmp/todo"
    entries "$plain" "$target" | LC_ALL=C sort -t "$tab" -k 2 >"$tmp/entries"
    awk -F '\t' 'NR == FNR { todo[$0]; next }
        { path = substr($0, index($0, "\t") + 1) }
        path in todo && $0 !~ /^160000 / { print ($0 ~ /^0+ / ? "- " : "+ ") path }' \
        "$tmp/todo" "$tmp/entries" >"$tmp/acts"
    sed -n 's/^- //p' "$tmp/acts" >"$tmp/remove"
    sed -n 's/^+ //p' "$tmp/acts" >"$tmp/write"
    vault ls-tree -r -z --name-only "$plain" | lines | LC_ALL=C sort >"$tmp/here"
    LC_ALL=C comm -23 "$tmp/write" "$tmp/here" | while IFS= read -r name; do
        path=$(printf '%s.' "$name" | tr '\001' '\n')
        path=${path%.}
        if [ -d "$path" ] && [ ! -L "$path" ]; then
            find "$path" ! -type d -print | grep -vxF -f "$tmp/remove" |
                sed 's/$/ lies in the way on the host/' || :
        elif [ -e "$path" ] || [ -L "$path" ]; then
            echo "$name lies in the way on the host"
        fi
        above=$path
        while case $above in */*) ;; *) false ;; esac; do
            above=${above%/*}
            if [ -L "$above" ] || { [ -e "$above" ] && [ ! -d "$above" ]; }; then
                grep -qxF -e "$above" "$tmp/remove" || echo "$above lies in the way on the host"
            fi
        done
    done
}

if [ ! -s "$tmp/conflicts" ]; then
    changed_here >"$tmp/said"
    if [ -s "$tmp/paths" ] && [ ! -s "$tmp/said" ]; then
        prepare >"$tmp/said"
        { cat "$tmp/remove" && LC_ALL=C comm -12 "$tmp/write" "$tmp/here"; } | raw . >"$tmp/expected"
        # A second look, for agents are at work.
        [ -s "$tmp/said" ] || [ "$(snapshot . "$tmp/kept")" = "$plain" ] ||
            echo "the tree changed meanwhile: run it again" >"$tmp/said"
    fi
    while IFS= read -r words; do conflict "$words"; done <"$tmp/said"
fi
if [ -s "$tmp/conflicts" ]; then
    cat "$tmp/conflicts"
    exit 0
fi

if [ -s "$tmp/paths" ]; then
    mkdir -p "$aside/old" "$aside/new"
    cp "$tmp/expected" "$aside/expected"
    indexed "$tmp/target" read-tree "$target"
    names <"$tmp/write" |
        GIT_INDEX_FILE="$tmp/target" git checkout-index -q --prefix="$aside/new/" -z --stdin
    per_directory "$tmp/remove" move_aside
    sed -n 's|/[^/]*$||p' "$tmp/remove" | sort -ru | names | xargs -0 rmdir -p 2>/dev/null || :
    per_directory "$tmp/write" swap
    settle | sed 's/^/conflict /' >>"$tmp/out"
    tries=50
    until entries "$was" "$now" | names | git update-index -z --index-info 2>"$tmp/said"; do
        tries=$((tries - 1))
        { [ "$tries" -gt 0 ] && grep -q index.lock "$tmp/said"; } || { cat "$tmp/said" >&2; exit 1; }
        sleep 0.1
    done
    git update-index -q --refresh >/dev/null || :
fi
# The tree as the source has it now: what lies there, or the old one with what moved.
if [ -z "$lying" ] && [ "$was" != "$now" ]; then
    indexed "$tmp/came" read-tree "$came"
    entries "$was" "$now" | names | indexed "$tmp/came" update-index -z --index-info
    lies=$(indexed "$tmp/came" write-tree)
    lying=$(commit "$lies" "$new" "the work tree as it came")
    { echo "$lying"; echo "^$new"; } | vault pack-objects --revs --stdout -q |
        git index-pack --stdin >/dev/null
fi
[ -z "$lying" ] || order "update refs/mng/source/work-tree $lying"
git update-ref -m "mng push" --stdin <"$tmp/orders"
cat "$tmp/out"
echo "files $(cat "$tmp/write" "$tmp/remove" 2>/dev/null | wc -l | tr -d ' ')"
