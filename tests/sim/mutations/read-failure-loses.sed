# broker/lane_paging.c
# sim: --read --seeds 12 --every 20
# What could not be read is taken for missing.
/^static void end_head/,/^}/s/^    if (error != ERR_OK) {$/    if (error == ERR_NO_MEMORY) {/
