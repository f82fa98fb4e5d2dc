# routing/route_walk.h
# A message may reach a queue twice.
s/^    if (target->visit == walk->visit)$/    if (target->is_exchange \&\& target->visit == walk->visit)/
