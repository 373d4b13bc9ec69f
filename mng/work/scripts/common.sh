# Comes before every script; its first arguments are HOME MARK WORK.
#
# Exit status: 65 the stream was cut short, 66 another host lives here now, 67 there is no work
# tree, 69 a program is missing, 70 the setup failed, 73 something else lies in the way, 74 and 75 git can't save this work,
# 76 nothing can as it is now.
set -eu
unset CDPATH
home=$1 mark=$2 work=$3
shift 3

fail() { # STATUS WORDS
    echo "mng: $2" >&2
    exit "$1"
}

check_mark() { [ "$(cat "$home/id" 2>/dev/null)" = "$mark" ] || fail 66 "gone"; }
check_mark

# Held through file descriptor 9 until this shell and all that inherited 9 have ended.
lock() { # FILE
    exec 9>>"$1"
    if command -v flock >/dev/null; then
        flock 9
    else
        perl -MFcntl=:flock -e 'open(F, ">>&=", 9) && flock(F, LOCK_EX) or die "$!\n"'
    fi
    check_mark # while this waited, the host may have ended and another one have taken its place
}
