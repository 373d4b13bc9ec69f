# put NAME   stdin becomes the file NAME in the host's home, at once or not at all; prints put
cat >".put.$$"
mv ".put.$$" "$1"
echo put
