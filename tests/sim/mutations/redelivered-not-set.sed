# broker/queue_messages.c
# A message that came back is not flagged.
s/^    entry->redelivered = true;$/    entry->redelivered = false;/
