# broker/connection.c
# Who publishes for the first time while an alarm is on is held and not told.
/^    connection->publishes = true;$/,/^}/s/^    connection_note_alarms(connection);$//
