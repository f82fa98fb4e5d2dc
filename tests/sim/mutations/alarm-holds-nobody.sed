# broker/connection.c
# An alarm is told, and its publishers are read from all the same.
s/return full || broker_alarmed(broker) || store_congested(db);/return full || store_congested(db);/
