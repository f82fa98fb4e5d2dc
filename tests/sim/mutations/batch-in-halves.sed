# storage/apply.c
# sim: --power --seeds 6
# A batch becomes two transactions: what is deleted, then what is put.
s/^        result = insert_messages(apply, database, batch);$/        result = database_execute(database, "COMMIT; BEGIN IMMEDIATE"), result = result ? result : insert_messages(apply, database, batch);/
