# broker/lane_due.c
# Deadlines of messages from before the clock was set are read by the clock of today.
s/monotonic(lane->due->unread\[i\], stretch.offset_ms)/monotonic(lane->due->unread[i], lane->wall_offset_ms)/
