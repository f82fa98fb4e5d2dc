# broker/channel_tx.c
# A rollback acknowledges what it should put back.
s/^        unacked_put_back(channel, .*$//
