# session/amqp_deadline.c
# A client that has died is never noticed.
s/^    amqp->silent_looks = alive ? 0 : (uint8_t)(amqp->silent_looks + 1);$/    amqp->silent_looks = 0 * alive;/
