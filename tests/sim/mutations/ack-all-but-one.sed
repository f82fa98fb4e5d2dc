# broker/channel_unacked.c
# Acknowledging several leaves the last one out.
s/(all || first->tag <= tag)/(all || first->tag < tag)/
