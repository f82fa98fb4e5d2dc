# broker/policy_keys.c
# Of two limits the looser counts.
s/^    return a < b ? a : b;$/    return a > b ? a : b;/
