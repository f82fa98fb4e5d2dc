/* SPDX-License-Identifier: Apache-2.0 */
/* Databases of virtual hosts come and go while the broker runs, and each time the disk is waited for
 * some milliseconds. So each goes on an errand, which has a thread of its own; in manual mode, or when
 * there is no other thread to be had, the errand is run by who sends it.
 *
 *   OPENING: store_vhost_prepare() ─► run, done ─► store_vhost_open() takes the database
 *                                          └─────► store_vhost_drop(): it becomes REMOVING
 *   REMOVING: store_vhost_delete() ─► run, done ─► errands_collect() frees the database
 *
 * (1) Until it is done, the errand and its database are the thread's; afterwards the loop's.
 * (2) At most one errand has a name: so no file is opened that is being removed.
 */
#include "storage/errands.h"

#include "base/mem.h"
#include "storage/files.h"
#include "storage/store_db.h"
#include "storage/thread.h"

#include <sqlite3.h>
#include <stdio.h>

#define STACK_BYTES ((size_t)1 << 20) /* SQLite's parser descends */
#define MESSAGE_SIZE 1024             /* a path and what to do about it */

enum errand_kind { ERRAND_OPENING, ERRAND_REMOVING };

struct errand {
    struct list link; /* in store->errands */
    struct store *store;
    enum errand_kind kind;
    char *name;
    char *path;
    struct store_db *db; /* OPENING: NULL until it is open */
    bool files_too;      /* REMOVING: not just closed */
    enum err error;      /* how it went */
    char message[MESSAGE_SIZE];
    bool started; /* there is a thread to be joined */
    pthread_t thread;
    atomic_bool done; /* the thread sets it last */
};

/* -- on the way -- */

/* The database itself first: SQLite ignores a WAL without one. ERR_IO: that is still there. */
static enum err delete_files(const char *vfs_name, const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);
    struct buf file = BUF_INIT;
    enum err error = ERR_OK;
    CHECK(vfs);
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        buf_clear(&file);
        buf_printf(&file, "%s%s", path, suffixes[i]);
        int result = vfs->xDelete(vfs, buf_cstr(&file), i == 0); /* most are not there */
        if (i == 0 && result != SQLITE_OK && result != SQLITE_IOERR_DELETE_NOENT)
            error = ERR_IO;
    }
    buf_fini(&file);
    return error;
}

static void open_database(struct errand *errand)
{
    errand->error =
        store_db_open(errand->store, SCHEMA_VHOST, slice_str(errand->name), errand->path,
                      &errand->db, errand->message, sizeof(errand->message));
}

static void remove_database(struct errand *errand)
{
    CHECK(store_db_shut(errand->db, true) == ERR_OK);
    if (errand->files_too)
        errand->error = delete_files(errand->store->options.vfs, errand->path);
}

static void run(struct errand *errand)
{
    if (errand->kind == ERRAND_OPENING)
        open_database(errand);
    else
        remove_database(errand);
    atomic_store(&errand->done, true);
}

static void *run_thread(void *context)
{
    struct errand *errand = context;
    run(errand);
    store_note_news(errand->store);
    return NULL;
}

/* -- the loop's side -- */

static void send(struct errand *errand)
{
    atomic_store(&errand->done, false);
    errand->started = !errand->store->options.manual &&
                      thread_start(&errand->thread, STACK_BYTES, run_thread, errand) == 0;
    if (!errand->started)
        run(errand);
}

static void join(struct errand *errand)
{
    if (errand->started)
        CHECK(pthread_join(errand->thread, NULL) == 0);
    errand->started = false;
    CHECK(atomic_load(&errand->done));
}

static struct errand *find(const struct store *store, struct slice name)
{
    LIST_EACH(&store->errands, link) {
        struct errand *errand = CONTAINER_OF(link, struct errand, link);
        if (slice_equal_str(name, errand->name))
            return errand;
    }
    return NULL;
}

static struct errand *add(struct store *store, enum errand_kind kind, struct slice name)
{
    struct errand *errand = MEM_NEW(struct errand);
    struct buf path = BUF_INIT;
    CHECK(!find(store, name));
    if (store->options.directory)
        files_vhost_path(&path, store->options.directory, name);
    else
        buf_add_str(&path, ":memory:");
    errand->store = store;
    errand->kind = kind;
    errand->name = slice_dup(name);
    errand->path = slice_dup(buf_slice(&path));
    list_push_back(&store->errands, &errand->link);
    buf_fini(&path);
    return errand;
}

static void free_errand(struct errand *errand)
{
    list_remove(&errand->link);
    mem_free(errand->path);
    mem_free(errand->name);
    mem_free(errand);
}

static struct errand *find_kind(const struct store *store, struct slice name, enum errand_kind kind)
{
    struct errand *errand = find(store, name);
    return errand && errand->kind == kind ? errand : NULL;
}

bool store_vhost_prepare(struct store *store, struct slice name)
{
    struct errand *errand = find_kind(store, name, ERRAND_OPENING);
    if (!errand) {
        errand = add(store, ERRAND_OPENING, name);
        send(errand);
    }
    return atomic_load(&errand->done);
}

static void log_leftover(const struct errand *errand)
{
    char path[512];
    log_error(
        errand->store->options.log,
        "the database of a deleted virtual host can't be removed; one that is made under its name "
        "would find what is in it",
        "path=%s", log_quote(path, sizeof(path), slice_str(errand->path)));
}

static void end_removing(struct errand *errand)
{
    join(errand);
    if (errand->error != ERR_OK)
        log_leftover(errand);
    store_db_free(errand->db);
    free_errand(errand);
}

enum err store_vhost_open(struct store *store, struct slice name, struct store_db **db,
                          char *message, size_t message_size)
{
    struct errand *removing = find_kind(store, name, ERRAND_REMOVING);
    struct errand *errand = find_kind(store, name, ERRAND_OPENING);
    if (removing)
        end_removing(removing);
    if (errand) {
        join(errand);
    } else {
        errand = add(store, ERRAND_OPENING, name);
        run(errand);
    }
    enum err error = errand->error;
    if (error == ERR_OK) {
        *db = errand->db;
        store_db_enter(errand->db);
    } else {
        snprintf(message, message_size, "%s", errand->message);
    }
    free_errand(errand);
    return error;
}

static void send_to_remove(struct errand *errand, bool files_too)
{
    errand->kind = ERRAND_REMOVING;
    errand->error = ERR_OK;
    errand->files_too = files_too && !errand->db->database.in_memory;
    send(errand);
    if (!errand->started)
        end_removing(errand);
}

void store_vhost_drop(struct store *store, struct slice name)
{
    struct errand *errand = find_kind(store, name, ERRAND_OPENING);
    if (!errand)
        return;
    join(errand);
    if (errand->error == ERR_OK)
        send_to_remove(errand, errand->db->database.created);
    else
        free_errand(errand);
}

void store_vhost_delete(struct store *store, struct store_db *db)
{
    CHECK(db != store->node);
    store_note_gone(db);
    store_db_leave(db);
    struct errand *errand = add(store, ERRAND_REMOVING, slice_str(db->name));
    errand->db = db;
    send_to_remove(errand, true);
}

bool store_vhost_deleting(const struct store *store, struct slice name)
{
    return find_kind(store, name, ERRAND_REMOVING) != NULL;
}

void errands_collect(struct store *store)
{
    LIST_EACH(&store->errands, link) {
        struct errand *errand = CONTAINER_OF(link, struct errand, link);
        if (errand->kind == ERRAND_REMOVING && atomic_load(&errand->done))
            end_removing(errand);
    }
}

void errands_end(struct store *store)
{
    LIST_EACH(&store->errands, link) {
        struct errand *errand = CONTAINER_OF(link, struct errand, link);
        join(errand);
        if (errand->kind == ERRAND_REMOVING) {
            end_removing(errand);
            continue;
        }
        if (errand->error == ERR_OK) {
            CHECK(store_db_shut(errand->db, true) == ERR_OK);
            store_db_free(errand->db);
        }
        free_errand(errand);
    }
}
