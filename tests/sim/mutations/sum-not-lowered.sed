# broker/queue_messages.c
# What was acknowledged stays in its virtual host's sum.
s/^        queue->vhost->unacked_count--;$/        (void)queue;/
