# broker/vhost.c
# What was held for the disk of a virtual host that is deleted is held for ever.
s/^        connection->ops->durable(connection);$//
