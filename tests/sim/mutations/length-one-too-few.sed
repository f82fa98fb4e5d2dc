# broker/queue_messages.c
# The length limit drops one message too many.
s/count > (uint64_t)settings->length_max/count >= (uint64_t)settings->length_max/
