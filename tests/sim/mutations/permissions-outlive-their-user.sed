# broker/access.c
# The rights of a deleted user stay on the disk.
s/^        access_unstore_permission(access, &row);$//
