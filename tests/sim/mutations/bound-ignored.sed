# broker/lane_due.c
# What is in memory does not wait for what expires before it and is being read.
s/    lower(&bound, monotonic(due->asked, .*/    (void)monotonic;/
