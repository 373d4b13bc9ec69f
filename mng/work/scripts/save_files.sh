# save_files   everything below the work tree as tar.gz on stdout; on stderr "= files N"
cd "$work"
here=$(pwd -P)
for meta in .git/worktrees/*/gitdir; do
    [ -f "$meta" ] || continue
    top=$(dirname "$(cat "$meta")")
    case $top in
        "$here"/* | "$work"/*) ;;
        *) [ ! -e "$top" ] || fail 76 "the linked work tree $top would not be saved with its files" ;;
    esac
done
echo "= files $(find . ! -type s -print0 | tr -cd '\0' | wc -c | tr -d ' ')" >&2
tar -czf - .
