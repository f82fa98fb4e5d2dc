# broker/lane_due.c
# A message that is paged out and expires before all others there is not looked for in time.
s/    if (!before(key, \*unread))/    if (!is_never(*unread))/
