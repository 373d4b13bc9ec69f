# arm SIZE   stdin: a tar, SIZE bytes, of the scripts with which the host keeps its work by itself;
# prints armed
lock 8 locks/.put
receive keep.tar "$1"
rm -rf keep.new
mkdir keep.new
tar -xof keep.tar -C keep.new
rm -rf keep
mv keep.new keep
rm -f keep.tar
echo armed
