# broker/queue_messages.c
# The lowest priority is served first.
s/word \* 64 + 63 - __builtin_clzll(queue->lanes_ready\[word\])/word * 64 + __builtin_ctzll(queue->lanes_ready[word])/
