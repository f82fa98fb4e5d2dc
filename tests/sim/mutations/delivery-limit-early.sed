# broker/queue_messages.c
# The delivery limit strikes one failure too early.
s/entry->delivery_count > limit/entry->delivery_count >= limit/
