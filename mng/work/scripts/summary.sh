# summary      prints branch, number of files not committed, number of commits that did not come in
[ -e "$work" ] || exit 0
cd "$work"
git rev-parse --git-dir >/dev/null
head=$(git rev-parse -q --verify HEAD || :)
git symbolic-ref -q --short HEAD || git rev-parse --short HEAD
git status --porcelain -z --no-renames --untracked-files=all | tr -cd '\0' | wc -c
[ ! -e "$home/work.refs" ] || sed -n 's/^./^&/p' "$home/work.refs" |
    git rev-list --count --ignore-missing --branches --tags ${head:+"$head"} --stdin
