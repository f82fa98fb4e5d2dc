# broker/lane_due.c
# What is paged out while the next ones are read is forgotten when those have come.
s/    lower(&due->unread\[lane_window_of(due->lane, due->asked_position)\], from);/    due->unread[lane_window_of(due->lane, due->asked_position)] = from;/
