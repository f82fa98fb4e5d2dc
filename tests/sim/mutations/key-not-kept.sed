# broker/dead_letter.c
# CC survives a dead letter routing key.
s/(drops_cc \&\& slice_equal_str(name, "CC"))/(false \&\& drops_cc)/
