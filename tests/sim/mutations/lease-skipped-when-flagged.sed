# broker/queue_messages.c
# A flagged message leaves without its lease (was a bug).
s/if (!entry->is_stored || queue->deleted)/if (!entry->is_stored || entry->redelivered || queue->deleted)/
