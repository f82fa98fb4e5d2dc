# broker/channel_publish.c
# Unroutable mandatory messages are dropped.
s/^    if (publish->mandatory) {$/    if (false) {/
