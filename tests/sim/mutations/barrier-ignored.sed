# session/amqp_output.c
# Output is not held back for the disk.
s/^    if (seq > connection_durable(\&amqp->base))$/    if (false \&\& seq > connection_durable(\&amqp->base))/
