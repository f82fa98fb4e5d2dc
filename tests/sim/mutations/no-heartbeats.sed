# session/amqp_deadline.c
# The node is silent when it has nothing to say.
s/^        amqp_send_bytes(amqp, FRAME_HEARTBEAT_BYTES, FRAME_OVERHEAD);$/        return;/
