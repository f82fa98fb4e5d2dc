# session/amqp_deadline.c
# A client that is given up is still dealt messages in that turn.
s/^    connection_stop_deliveries(&amqp->base);$//
