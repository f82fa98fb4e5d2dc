# broker/queue_messages.c
# A delivery leaves before the disk knows that it may have.
s/^        connection_hold(connection, lane->lease_seq);$/        (void)connection;/
