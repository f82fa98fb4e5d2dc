# broker/lane_paging.c
# What was there at start does not expire.
s/    if (stored->expires_first_ms == 0)/    if (true)/
