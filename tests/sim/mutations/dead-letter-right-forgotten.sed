# broker/queue_declare.c
# Who declares a queue may dead-letter into any exchange.
/^static bool check_dead_letter(/,/^}/s/access_check(connection->user/true || access_check(connection->user/
