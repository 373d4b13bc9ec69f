# reopen   agents can be started again; prints open
rm -f closing
echo open
