# reopen   agents can be started again; prints open
lock 9 lock
rm -f closing sealed
echo open
