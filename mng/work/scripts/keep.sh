# keep WHY LABEL PATH...   the host's work and its agents' directories into the directory `saves`,
# with nobody's help. LABEL and PATH as for `save`; comes after `common`.
#
# STAMP.MARK.WHY.tar holds `pack` and `report`, which `save` makes, or `files` of `save_files`, the
# host's records and `agents`. base.REFS.DIGEST is a pack of what the tree began with, so that only
# what is new is written each time. STAMP.MARK.WHY.view is what `observe` says of just these, and its
# first line the tar's size, its digest and its base. It comes last: whoever finds it, finds all.
why=$1 label=$2
shift 2
saves=$home/saves
[ -d "$saves/." ] || fail 76 "there is no place to keep it"
lock "$home/keep.lock"
tmp=$home/keep.tmp
rm -rf "$tmp"
mkdir -p "$tmp/home/agents"
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/since"
sleep 0.1 # what is written in this very tick of the clock is not newer, but comes along
stamp=$(date -u +%Y%m%dT%H%M%SZ)

copy() { # PATH   as it lies in the host's home; what goes away meanwhile need not come along
    said=0
    tar -cf "$tmp/part" -C "$home" "$1" 2>/dev/null || said=$?
    [ "$said" -le 1 ] || fail 76 "can't read $1"
    tar -xf "$tmp/part" -C "$tmp/home"
}

digest() { sha256sum <"$1" | cut -d ' ' -f 1; }

put() { # FILE NAME   into `saves`, read back before it has its name
    cp "$1" "$saves/.$2.new"
    [ "$(digest "$saves/.$2.new")" = "$(digest "$1")" ] || fail 76 "what was kept can't be read back"
    check_mark
    mv "$saves/.$2.new" "$saves/$2"
}

for file in id host.json work.done work.prefix work.refs work.settings setup.done; do
    [ ! -e "$home/$file" ] || copy "$file"
done
# Before the work: an agent may find more done than it remembers, but not less.
mkdir -p "$home/locks"
for agent in "$home"/agents/* "$home"/agents/.[!.]*; do
    name=${agent##*/}
    if [ -L "$agent" ]; then
        copy "agents/$name"
    elif [ -d "$agent" ]; then
        # No message is half said in what is kept: who delivers one holds this lock.
        (flock 8 && copy "agents/$name") 8>>"$home/locks/$name"
    fi
done
rm -f "$tmp/part"
sh "$home/keep/glance" "$tmp/home" "$mark" - >"$tmp/view"

base='' mode=whole
: >"$tmp/known"
if [ -s "$home/work.refs" ]; then
    refs=$(digest "$home/work.refs" | cut -c 1-16)
    base=$(ls "$saves" | grep "^base\.$refs\." | head -n 1) || :
    if [ -z "$base" ] && sh "$home/keep/base" "$home" "$mark" "$work" >"$tmp/base" 2>/dev/null; then
        base=base.$refs.$(digest "$tmp/base")
        put "$tmp/base" "$base"
    fi
    rm -f "$tmp/base"
fi
[ -z "$base" ] || { mode=thin; cp "$home/work.refs" "$tmp/known"; }

cd "$tmp/home"
status=0
sh "$home/keep/save" "$home" "$mark" "$work" "$label" "$(date +%s)" "$mode" "$@" <"$tmp/known" \
    >pack 2>report || status=$?
case $status in
    0) ;;
    74 | 75) sh "$home/keep/files" "$home" "$mark" "$work" >files 2>report ;;
    *) fail 76 "$(tail -n 1 report)" ;;
esac
tar -cf "$tmp/tar" .
{ echo "$(wc -c <"$tmp/tar" | tr -d ' ') $(digest "$tmp/tar") $base"; cat "$tmp/view"; } >"$tmp/whole"
name=$stamp.$mark.$why
put "$tmp/tar" "$name.tar"
put "$tmp/whole" "$name.view"
sync "$saves"
mv "$tmp/since" "$home/keep.since"
# The one before stays, should this one be on its way when the machine goes.
ls -r "$saves" | sed -n 's/\.view$//p' | tail -n +3 | while IFS= read -r old; do
    rm -f "$saves/$old.view"
done
for old in "$saves"/*.tar; do
    [ -e "${old%.tar}.view" ] || rm -f "$old"
done
for old in "$saves"/base.*; do
    head -qn 1 "$saves"/*.view | grep -qF "${old##*/}" || rm -f "$old"
done
rm -f "$saves"/.*.new # of one that was killed, since the lock is ours
echo "kept $name"
