# broker/queue_messages.c
# An acknowledged message stays on the disk.
s/if (entry->is_stored \&\& !queue->deleted \&\& !queue->vhost->closing)/if (false)/
