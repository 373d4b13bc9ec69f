# end HOME MARK   takes a sealed host's home away; 67 if it was opened since, 0 if it is away
cd "$1" 2>/dev/null && [ "$(cat id)" = "$2" ] || exit 0
exec 9>>lock
flock 9
[ -e sealed ] || exit 67
cd / && mv "$1" "$1.ended"
tmux -S "$1.ended/tmux" kill-server 2>/dev/null
exit 0
