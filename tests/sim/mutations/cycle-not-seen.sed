# broker/dead_letter.c
# Dead letters go round for ever by themselves.
s/letter->reason != DEATH_REJECTED \&\& cycles(deaths, queue->name)/false \&\& cycles(deaths, queue->name)/
