# broker/lane_due.c
# A message that is gone comes back when its row is read before the deletion is on the disk.
# sim: --seeds 6000
s/ \&\& !lane_is_ghost(lane, position)//
