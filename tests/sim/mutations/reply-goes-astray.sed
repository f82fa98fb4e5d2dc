# broker/reply_to.c
# Any channel that waits for replies gets them.
s/^        if (slice_equal_str(token, channel->reply_token))$/        if (channel->reply_token)/
s/^    uint64_t hash = hmap_hash(token, broker->hash_seed);$/    (void)token; struct hmap_node *any = NULL; HMAP_EACH(\&broker->reply_channels, other) any = other; uint64_t hash = any ? any->hash : 0;/
