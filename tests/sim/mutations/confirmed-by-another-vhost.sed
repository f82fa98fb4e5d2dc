# broker/channel_publish.c
# What is durable is asked of the first virtual host, whose publish it may not be.
s/^    uint64_t durable = vhost_durable(channel->connection->vhost);$/    uint64_t durable = vhost_durable(LIST_FIRST(\&channel->connection->broker->vhost_list, struct vhost, broker_link));/
