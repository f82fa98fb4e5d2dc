# session/amqp_deadline.c
# A client that has died is never noticed.
s/^    bool alive = amqp->received || connection_paused(&amqp->base);$/    bool alive = true;/
