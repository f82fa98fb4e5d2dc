# broker/queue_declare.c
# One queue more than the limit.
s/vhost->queues.count >= (uint64_t)vhost->queues_max/vhost->queues.count > (uint64_t)vhost->queues_max/
