# broker/lane_paging.c
# After a restart messages live longer than they should.
s/stored->expires_at_ms - lane_wall_offset(lane, stored->position)/stored->expires_at_ms - lane_wall_offset(lane, stored->position) + 50/
