# ready NONCE ARG...   follows a start: waits, 3 s at most, until the agent itself says that it rests,
# then prints NONCE and what `observe ARG...` prints. So a host that is far is not asked again and again.
shift 6
exec 8>&- 9>&- # who waits for these locks need not wait for this
rests() {
    { IFS= read -r file && IFS= read -r words; } 2>/dev/null <"agents/$agent/rests" || return 0
    file=$(printf %s "$file" | sed "s/{pid}/$pid/")
    grep -Eqs -e "$words" "agents/$agent/$file"
}
tries=60
until rests || [ "$tries" = 0 ] || ! kill -0 "$pid" 2>/dev/null; do
    tries=$((tries - 1))
    sleep 0.05
done
echo "$1"
shift
