# broker/connection.c
# A user may have as many connections as it likes.
s/if (user->connections_max >= 0 \&\& /if (false \&\& /
