# broker/consumer.c
# A consumer gets one message more than its prefetch.
s/consumer->unacked >= consumer->prefetch/consumer->unacked > consumer->prefetch/
