# broker/lane_paging.c
# What may have been delivered before a crash is not flagged after it.
s/stored->redelivered || stored->position < lane->seen_upto/stored->redelivered/
