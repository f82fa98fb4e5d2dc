# session/amqp_output.c
# Held output goes with the next batch, whichever it is.
s/amqp->barriers\[lifted\]\.seq <= durable/amqp->barriers[lifted].seq <= durable + 3/
