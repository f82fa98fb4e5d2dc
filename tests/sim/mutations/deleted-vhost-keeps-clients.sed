# broker/vhost.c
# Who is in a virtual host that is deleted is not told.
s/^        connection->ops->close(connection, &reply);$/        connection_release(connection);/
