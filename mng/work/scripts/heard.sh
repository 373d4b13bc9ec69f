# heard     prints all refs of the host's repository: what need not travel
cd "$work"
git_dir_of . >/dev/null || fail 74 "the repository in $work is broken"
git for-each-ref --format='%(objectname) %(refname)'
