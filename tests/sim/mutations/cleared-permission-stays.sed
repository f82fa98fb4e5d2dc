# broker/access.c
# A right that is taken away is there again after a restart.
/^bool access_clear_permission/,/^}/s/^    access_unstore_permission(access, &row);$//
