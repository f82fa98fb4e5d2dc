# broker/queue_messages.c
# sim: --seeds 8000
# A flagged message leaves without its lease (was a bug).
s/if (!entry->is_stored || queue->deleted)/if (!entry->is_stored || entry->redelivered || queue->deleted)/
