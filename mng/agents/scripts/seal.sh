# seal TOKEN   after the work is saved: the host may be removed; prints sealed, or `opened` if it was
# opened again since it was closed with this token, for then the work that was saved is not all
lock 9 lock
[ "$(cat closing 2>/dev/null)" = "$1" ] || { echo opened; exit 0; }
: >sealed
echo sealed
