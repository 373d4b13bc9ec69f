# take     a pack on stdin, into the objects of the host's repository. No ref is made.
cd "$work"
git_dir_of . >/dev/null || fail 74 "the repository in $work is broken"
git index-pack --stdin --fix-thin >/dev/null
