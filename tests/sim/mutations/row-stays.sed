# broker/queue_messages.c
# An acknowledged message stays on the disk.
s/if (id != 0 && !queue->deleted && vhost_keeps_rows(queue->vhost))/if (false)/
