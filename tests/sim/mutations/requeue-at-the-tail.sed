# broker/queue_messages.c
# A returned message goes to the end of its lane.
s/while (at != &lane->ready \&\& CONTAINER_OF(at, struct entry, link)->position < entry->position)/while (at != \&lane->ready)/
