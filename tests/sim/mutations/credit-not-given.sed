# broker/channel_unacked.c
# An acknowledgement does not wake its consumer.
s/^        consumer_wake(consumer);$//
