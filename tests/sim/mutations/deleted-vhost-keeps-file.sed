# storage/errands.c
# The file of a virtual host that is deleted stays, and is found by the next one of that name.
s/^        int result = vfs->xDelete(.*$/        int result = vfs ? SQLITE_OK : SQLITE_IOERR;/
