# broker/channel.c
# sim: --read --seeds 12 --every 20
# basic.get finds the queue empty when the disk can't be read.
s/^    if (!entry && queue->ready_count > 0)$/    if (!entry \&\& queue->ready_count > UINT32_MAX)/
