# put NAME SIZE   stdin, SIZE bytes, becomes the file NAME in the host's home, at once or not at all;
# prints put, or torn
lock 8 locks/.put
receive "$1" "$2"
echo put
