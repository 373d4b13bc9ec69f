# boot HOME MARK RECORD   the sandbox's first process: it has its marks before it has anything else,
# and ends when it has lost them
home=$1 mark=$2 record=$3
trap '' HUP INT
umask 077
mkdir -p "$home"
printf %s "$record" >"$home/host.json"
printf %s "$mark" >"$home/id.new"
mv "$home/id.new" "$home/id"
while [ "$(cat "$home/id" 2>/dev/null)" = "$mark" ]; do
    sleep 2
done
