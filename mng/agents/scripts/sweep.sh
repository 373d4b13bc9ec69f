# sweep BUFFER...   removes the tmux buffers of deliverers that died; prints swept
for buffer; do
    agent=${buffer#mng.}
    agent=${agent%%.*}
    # A living deliverer holds this lock, and its buffer is gone when it lets go.
    (lock_agent && tm delete-buffer -b "$buffer" 2>/dev/null) || :
done
echo swept
