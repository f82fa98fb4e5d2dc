# broker/lane_paging.c
# sim: --read --seeds 30 --every 7
# A page that could not be read is not asked for again.
/^void lane_page_end/,/^}/s/^        note_heavy(lane);$//
