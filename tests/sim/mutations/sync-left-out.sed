# storage/open.c
# sim: --power --seeds 6
# A commit does not wait for the disk.
s/PRAGMA synchronous = FULL;/PRAGMA synchronous = NORMAL;/
