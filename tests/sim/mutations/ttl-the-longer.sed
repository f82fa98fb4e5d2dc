# broker/queue_messages.c
# The longer of two times to live counts.
s/message->ttl_ms < ttl))/message->ttl_ms > ttl))/
