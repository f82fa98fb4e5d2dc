# broker/lane_due.c
# The first message that was read too early is taken for read.
s/stored->position + wanted}/stored->position + 1}/
