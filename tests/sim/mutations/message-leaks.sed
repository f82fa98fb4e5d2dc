# broker/queue_messages.c
# A message that is done with is never freed.
s/^    message_unref(entry->message);$//
