# broker/lane_paging.c
# sim: --read --seeds 30 --every 7
# A page that could not be read is not asked for again.
/^static void end_head/,/^}/s/^        note_heavy(lane);$//
