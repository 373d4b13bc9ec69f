# setup DIGEST RUNNER   the user's setup, once; on stdin shell text: exports, the setup, a last line
#
# Prints the setup's status and the end of its output if it failed (status 70). RUNNER goes on to
# its end in a session of its own, whatever becomes of this script, and holds the lock until then;
# it leaves `setup.done`, or `setup.failed` with its status and where its output is.
digest=$1 runner=$2
did() { [ "$(cat "$home/setup.done" 2>/dev/null)" = "$digest" ]; }

! did || exit 0
lock "$home/lock"
! did || exit 0
[ -e "$home/work.done" ] || fail 67 "there is no work tree yet"
rm -f "$home/setup.failed"

apart() { # a session of its own
    if command -v setsid >/dev/null; then
        exec setsid "$@"
    else
        exec perl -MPOSIX=setsid -e 'setsid(); exec @ARGV or exit 127' "$@"
    fi
}

exec 3<&0 # a background command's stdin would be /dev/null
apart sh -c "$runner" mng "$home" "$work" "$digest" <&3 3<&- >"$home/setup.log" 2>&1 &
exec 3<&- </dev/null
status=0
wait $! || status=$?
! did || exit 0
echo "$status $home/setup.log" >"$home/setup.failed" # also of a runner that was killed
echo "$status"
tail -n 15 "$home/setup.log"
exit 70
