# broker/channel_publish.c
# A refused publish is confirmed.
s/\.nack = result->rejected,/.nack = false,/
