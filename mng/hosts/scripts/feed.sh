# feed ARGV...   runs a command whose stdin comes in pieces, each behind its length in 8 digits, and
# then `end.....`. A client that has died does not close it: after 15 s of silence it has ended.
# Its status is the command's, which sees the stream cut short.
dir=$(mktemp -d) && mkfifo "$dir/stdin" || exit 125
piece() { timeout 15 dd bs="$1" count=1 iflag=fullblock; }
exec 3<&0 </dev/null
while size=$(piece 8) && [ "${#size}" = 8 ] && [ "$size" != end..... ]; do
    [ "$size" = 00000000 ] || piece "$size" || break
done <&3 >"$dir/stdin" 2>/dev/null &
"$@" <"$dir/stdin" 3<&-
status=$?
kill "$!" 2>/dev/null
rm -rf "$dir"
exit "$status"
