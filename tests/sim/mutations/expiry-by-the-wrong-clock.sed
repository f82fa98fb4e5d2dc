# broker/lane_paging.c
# After a restart messages live longer than they should.
s/stored->expires_at_ms - broker->wall_ms + broker->now_ms/stored->expires_at_ms - broker->wall_ms + broker->now_ms + 50/
