# broker/lane_paging.c
# sim: --read --seeds 12 --every 20
# Operators are not told that messages can't be read back.
s/^    broker_set_alarm(broker, ALARM_READ, .*$//
