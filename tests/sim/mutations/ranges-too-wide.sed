# storage/apply.c
# Deletions of neighbours but one take what is between them.
s/next->first > range->last + 1/next->first > range->last + 2/
