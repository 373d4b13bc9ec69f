# exec DIR SECRETS ARGV...   runs a command in the work tree; SECRETS=1: the first line of stdin sets
# variables. The status is the command's own, or 125 if it can't be run here.
dir=$1 secrets=$2
shift 2
# What would be written now would be in no save any more.
[ ! -e sealed ] || { echo "mng: the host is being ended; \`mng up\` opens it again" >&2; exit 125; }
prefix=$(cat work.prefix 2>/dev/null) || :
nl='
'
if [ "$secrets" = 1 ]; then
    IFS= read -r line || :
    eval "$line"
fi
[ ! -d bin ] || PATH=$home/bin:$PATH
cd "$dir/$prefix" || exit 125
umask "$mask"
exec "$@"
