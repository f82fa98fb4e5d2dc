# broker/consumer.c
# x-expires counts on while there are consumers.
s/^    timer_clear(\&queue->vhost->broker->timers, \&queue->unused_timer);$//
