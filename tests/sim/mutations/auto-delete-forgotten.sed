# broker/consumer.c
# Auto-delete queues outlive their last consumer.
s/if (queue->auto_delete)/if (false \&\& queue->auto_delete)/
