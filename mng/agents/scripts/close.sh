# close AGENTS   no agent can be started on this host any more, until `reopen`; prints `closed TOKEN`,
# or `busy NAME...` if agents live on it besides those named
lock 9 lock
names=" $* "
busy=''
for one in $(tm list-panes -a -F '#{session_name}' 2>/dev/null | sort -u); do
    case $names in *" $one "*) ;; *) busy="$busy $one" ;; esac
done
[ -z "$busy" ] || { echo "busy$busy"; exit 0; }
# Two that end one host share the token; a host that was opened between has another one.
[ -s closing ] || echo "$(date +%s).$$" >closing
echo "closed $(cat closing)"
