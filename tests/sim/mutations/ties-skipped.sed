# broker/lane_due.c
# Of messages that expire at the same time, those beyond the page are passed over.
s/(struct due_key){stored->expires_at_ms, stored->position + wanted}/(struct due_key){stored->expires_at_ms + wanted, 0}/
