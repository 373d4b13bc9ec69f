# settled HOME MARK   prints the host's record once it is there; 66 if the host is about to end
tries=0
until [ "$(cat "$1/id" 2>/dev/null)" = "$2" ]; do
    tries=$((tries + 1))
    [ ! -e "$1.ended" ] && [ "$tries" -lt 400 ] || exit 66
    sleep 0.05
done
cat "$1/host.json"
