# broker/channel_unacked.c
# sim: --seeds 8000
# What a rollback puts back is never overdue (was a bug).
s/^        watch_deadline(channel, set->items\[i\]\.deadline_ms);$/        (void)watch_deadline;/
