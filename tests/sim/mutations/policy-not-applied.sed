# broker/policy.c
# A policy counts for queues that come later only.
s/^    queue_apply_policies(queue);$/    (void)queue;/
