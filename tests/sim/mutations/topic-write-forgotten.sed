# broker/channel_publish.c
# Topic permissions do not concern publishers.
s/^    channel->topic_checked = .*$/    channel->topic_checked = false;/
