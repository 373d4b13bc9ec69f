# base     what the host's repository began with, as a pack on stdout: it never changes, and is the
# most of it. 74 where a pack can't stand for it.
cd "$work"
git_dir_of . >/dev/null || fail 74 "the repository in $work is broken"
[ ! -s "$(git_path . shallow)" ] || fail 74 "its history is shallow"
git cat-file --batch-check='%(objectname) %(objecttype)' <"$home/work.refs" |
    sed -n 's/^\([0-9a-f]*\) \(commit\|tag\)$/\1/p' >"$home/keep.refs"
[ -s "$home/keep.refs" ] || fail 74 "it began with nothing"
git pack-objects --revs --stdout --delta-base-offset -q <"$home/keep.refs"
