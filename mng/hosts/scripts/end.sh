# end HOME MARK [KEEP]   takes a sealed host's home away; 67 if it was opened since, 0 if it is away
# What it kept of itself goes, too, since it is safe elsewhere; not with KEEP.
cd "$1" 2>/dev/null && [ "$(cat id)" = "$2" ] || exit 0
exec 9>>lock 8>>keep.lock
flock -w 50 8 # what is being kept just now
flock 9
[ -e sealed ] || exit 67
saves=$(readlink saves)
cd / && mv "$1" "$1.ended"
[ -n "${3:-}" ] || [ -z "$saves" ] || rm -f "$saves"/* "$saves"/.*.new
[ -z "$saves" ] || sync "$saves"
tmux -S "$1.ended/tmux" kill-server 2>/dev/null
exit 0
