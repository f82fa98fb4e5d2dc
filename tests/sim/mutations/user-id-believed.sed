# broker/channel_publish.c
# Whoever says so is believed to be another user.
s/^    if (slice_equal_str(claimed, user->name))$/    if (claimed.len > 0)/
