# record AGENT INC KEY...   writes messages into the ledger as delivered; types nothing
agent=$1 inc=$2
shift 2
lock_agent
look || { echo gone; exit 0; }
journal_start
for key; do
    case " $ledger " in *" $key="[san]=*) continue ;; esac
    tm if-shell -F -t "$pane" "#{==:#{@mng_inc},$inc}" "set-option -p -a -t $pane @mng_ledger ' $key=n=file'"
    note "recorded $key"
done
echo recorded
