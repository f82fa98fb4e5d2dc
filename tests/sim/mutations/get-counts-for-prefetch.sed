# broker/consumer.c
# basic.get uses up the channel's prefetch (was a bug).
s/channel->unacked_consumed >= channel->prefetch_global/channel->unacked_count >= channel->prefetch_global/
