# broker/connection.c
# Exclusive queues outlive their connection.
s/while (!list_empty(\&connection->exclusive_queues))/while (false)/
