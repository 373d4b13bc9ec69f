# HOME WORK DIGEST     the setup itself: text on stdin, output to wherever this one's goes
mng_home=$1 mng_work=$2 mng_digest=$3
set --
mng_text=$(cat; echo .)
mng_text=${mng_text%.}
mng_last='# mng: whole
'
case $mng_text in
    *"$mng_last") mng_text=${mng_text%"$mng_last"} ;;
    *) echo "mng: the setup did not arrive whole"; exit 65 ;;
esac
mng_prefix=$(cat "$mng_home/work.prefix"; echo .)
cd "$mng_work/${mng_prefix%.}" || exit

# Evaluated, for neither a command line nor a file may hold it. In the background, for a shell
# ignores `set -e` where a status is looked at; without descriptor 9, for what the setup leaves
# running must not hold the lock.
(
    exec 9>&- </dev/null
    unset mng_home mng_work mng_digest mng_prefix mng_last
    set -e
    eval "unset mng_text
$mng_text"
) &
wait $! || {
    status=$?
    echo "$status $mng_home/setup.log" >"$mng_home/setup.failed"
    exit "$status"
}
printf '%s\n' "$mng_digest" >"$mng_home/setup.next" && mv "$mng_home/setup.next" "$mng_home/setup.done"
