# broker/channel_publish.c
# Confirms do not wait for the disk.
s/if (next->seq > durable)/if (false \&\& next->seq > durable)/
