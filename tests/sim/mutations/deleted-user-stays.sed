# broker/access.c
# Who is deleted stays connected.
s/^    close_connections(user);$//
