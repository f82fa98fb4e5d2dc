# broker/channel.c
# A cancelled consumer of replies goes on.
s/^    if (reply_to_cancel(channel, tag))$/    if (channel->reply_consumer_tag \&\& slice_equal_str(tag, channel->reply_consumer_tag))/
