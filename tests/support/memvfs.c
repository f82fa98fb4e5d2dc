/* SPDX-License-Identifier: Apache-2.0 */
/* Each file has two contents: `current`, which readers see, and `durable`, which a power loss leaves.
 * What lies between is the list of changes since the last sync, so that a power loss can keep any
 * part of them.
 *
 * (1) current = durable with all unsynced changes applied in order.
 * (2) All of it is under one mutex.
 * (3) Connections keep each other out as on a real disk, so that only the last one to close believes it
 *     is the last.
 */
#include "tests/support/memvfs.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rng.h"

#include <pthread.h>
#include <sqlite3.h>

#define SECTOR 512
#define SHM_REGIONS_MAX 64
#define PATH_MAX_BYTES 1024

/* A write, or (data NULL) a truncation to `offset`. */
struct change {
    size_t offset;
    size_t len;
    uint8_t *data;
};

struct handle;

struct file {
    struct list link; /* in memvfs.files */
    char *path;
    struct buf current;
    struct buf durable;
    struct change *changes; /* since the last sync */
    size_t change_count, change_capacity;
    size_t open_count;
    bool deleted;            /* goes with the last close */
    struct handle *reserved; /* who holds these of SQLite's file locks; several may hold SHARED */
    struct handle *pending;
    size_t shared_count;
    void *regions[SHM_REGIONS_MAX];
    size_t shm_users;
    size_t shm_shared[SQLITE_SHM_NLOCK]; /* holders of each of the WAL index's locks */
    struct handle *shm_exclusive[SQLITE_SHM_NLOCK];
};

struct memvfs {
    sqlite3_vfs vfs;
    char *name;
    pthread_mutex_t lock;
    struct list files;
    struct rng rng;
    struct memvfs_fault fault;
    bool struck;
    uint64_t changes;
    uint64_t reads;
    bool looked_at;  /* memvfs_let_look() */
    uint64_t cut_at; /* changes at which the power goes; 0: never */
    bool dark;       /* it went */
};

/* What SQLite holds. */
struct handle {
    sqlite3_file base;
    struct memvfs *disk;
    struct file *file;
    int level;           /* of the file lock: SQLITE_LOCK_… */
    unsigned shm_shared; /* the locks of the WAL index that it holds, a bit each */
    bool shm;
    bool delete_on_close;
};

static void lock(struct memvfs *disk)
{
    CHECK(pthread_mutex_lock(&disk->lock) == 0);
}

static void unlock(struct memvfs *disk)
{
    CHECK(pthread_mutex_unlock(&disk->lock) == 0);
}

/* -- contents -- */

static void resize(struct buf *content, size_t len)
{
    if (len > content->len)
        memset(buf_reserve(content, len - content->len), 0, len - content->len);
    content->len = len;
}

static void change_content(struct buf *content, const struct change *change)
{
    if (!change->data) {
        resize(content, change->offset);
        return;
    }
    if (content->len < change->offset + change->len)
        resize(content, change->offset + change->len);
    memcpy(content->data + change->offset, change->data, change->len);
}

static void drop_changes(struct file *file)
{
    for (size_t i = 0; i < file->change_count; i++)
        mem_free(file->changes[i].data);
    mem_free(file->changes);
    file->changes = NULL;
    file->change_count = 0;
    file->change_capacity = 0;
}

static void add_change(struct file *file, struct change change)
{
    if (file->change_count == file->change_capacity) {
        file->change_capacity = file->change_capacity ? file->change_capacity * 2 : 16;
        file->changes = mem_realloc(file->changes, file->change_capacity * sizeof(*file->changes));
    }
    file->changes[file->change_count++] = change;
    change_content(&file->current, &change);
}

static void sync_file(struct file *file)
{
    for (size_t i = 0; i < file->change_count; i++)
        change_content(&file->durable, &file->changes[i]);
    drop_changes(file);
}

static void free_shm(struct file *file)
{
    for (size_t i = 0; i < SHM_REGIONS_MAX; i++) {
        mem_free(file->regions[i]);
        file->regions[i] = NULL;
    }
}

static void free_file(struct file *file)
{
    drop_changes(file);
    free_shm(file);
    buf_fini(&file->current);
    buf_fini(&file->durable);
    list_remove(&file->link);
    mem_free(file->path);
    mem_free(file);
}

static struct file *find(struct memvfs *disk, const char *path)
{
    LIST_EACH(&disk->files, link) {
        struct file *file = CONTAINER_OF(link, struct file, link);
        if (!file->deleted && strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

static struct file *add(struct memvfs *disk, const char *path)
{
    struct file *file = MEM_NEW(struct file);
    file->path = mem_strndup(path, strlen(path));
    list_push_back(&disk->files, &file->link);
    return file;
}

/* -- faults -- */

/* SQLITE_OK, or what the operation is to fail with. With the lock held. */
static int meet_fault(struct memvfs *disk, enum memvfs_operation operation)
{
    if (operation == MEMVFS_READ && disk->looked_at)
        return SQLITE_OK;
    disk->reads += operation == MEMVFS_READ;
    if (operation & MEMVFS_CHANGE)
        disk->dark = ++disk->changes == disk->cut_at || disk->dark;
    if (disk->dark && operation != MEMVFS_READ)
        return SQLITE_IOERR;
    if (!(disk->fault.operations & operation))
        return SQLITE_OK;
    if (disk->fault.after > 0) {
        disk->fault.after--;
        return SQLITE_OK;
    }
    int result = disk->fault.result;
    disk->struck = true;
    if (!disk->fault.lasting)
        disk->fault = (struct memvfs_fault){0};
    return result;
}

/* -- a file's methods -- */

static struct handle *handle_of(sqlite3_file *base)
{
    return CONTAINER_OF(base, struct handle, base);
}

static int read_file(sqlite3_file *base, void *out, int len, sqlite3_int64 offset)
{
    struct handle *handle = handle_of(base);
    const struct buf *content = &handle->file->current;
    lock(handle->disk);
    int result = meet_fault(handle->disk, MEMVFS_READ);
    if (result == SQLITE_OK) {
        size_t start = (size_t)offset < content->len ? (size_t)offset : content->len;
        size_t found = content->len - start < (size_t)len ? content->len - start : (size_t)len;
        memset(out, 0, (size_t)len);
        if (found > 0)
            memcpy(out, content->data + start, found);
        result = found == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
    }
    unlock(handle->disk);
    return result;
}

/* A write that fails leaves its first half, as a real one may. */
static int write_file(sqlite3_file *base, const void *data, int len, sqlite3_int64 offset)
{
    struct handle *handle = handle_of(base);
    lock(handle->disk);
    bool dark = handle->disk->dark;
    int result = meet_fault(handle->disk, MEMVFS_WRITE);
    size_t written = result == SQLITE_OK ? (size_t)len : dark ? 0 : (size_t)len / 2;
    if (written > 0) {
        struct change change = {.offset = (size_t)offset, .len = written};
        change.data = mem_alloc(written);
        memcpy(change.data, data, written);
        add_change(handle->file, change);
    }
    unlock(handle->disk);
    return result;
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size)
{
    struct handle *handle = handle_of(base);
    lock(handle->disk);
    int result = meet_fault(handle->disk, MEMVFS_TRUNCATE);
    if (result == SQLITE_OK)
        add_change(handle->file, (struct change){.offset = (size_t)size});
    unlock(handle->disk);
    return result;
}

static int sync_handle(sqlite3_file *base, int flags)
{
    struct handle *handle = handle_of(base);
    (void)flags;
    lock(handle->disk);
    int result = meet_fault(handle->disk, MEMVFS_SYNC);
    if (result == SQLITE_OK)
        sync_file(handle->file);
    unlock(handle->disk);
    return result;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    struct handle *handle = handle_of(base);
    lock(handle->disk);
    *size = (sqlite3_int64)handle->file->current.len;
    unlock(handle->disk);
    return SQLITE_OK;
}

/* -- file locks, as SQLite's unix VFS has them -- */

static int take_shared(struct handle *handle)
{
    if (handle->file->pending)
        return SQLITE_BUSY;
    handle->file->shared_count++;
    handle->level = SQLITE_LOCK_SHARED;
    return SQLITE_OK;
}

static int take_reserved(struct handle *handle)
{
    if (handle->file->reserved && handle->file->reserved != handle)
        return SQLITE_BUSY;
    handle->file->reserved = handle;
    handle->level = SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

/* PENDING keeps new readers out; EXCLUSIVE when the old ones are gone. */
static int take_exclusive(struct handle *handle)
{
    struct file *file = handle->file;
    if ((file->reserved && file->reserved != handle) || (file->pending && file->pending != handle))
        return SQLITE_BUSY;
    file->pending = handle;
    handle->level = SQLITE_LOCK_PENDING;
    if (file->shared_count > 1)
        return SQLITE_BUSY;
    handle->level = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

static int take_level(struct handle *handle, int level)
{
    if (handle->level >= level)
        return SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED)
        return take_shared(handle);
    CHECK(handle->level >= SQLITE_LOCK_SHARED);
    return level == SQLITE_LOCK_RESERVED ? take_reserved(handle) : take_exclusive(handle);
}

static void give_level(struct handle *handle, int level)
{
    struct file *file = handle->file;
    if (handle->level <= level)
        return;
    if (file->reserved == handle)
        file->reserved = NULL;
    if (file->pending == handle)
        file->pending = NULL;
    if (level == SQLITE_LOCK_NONE) {
        CHECK(file->shared_count > 0);
        file->shared_count--;
    }
    handle->level = level;
}

static int lock_file(sqlite3_file *base, int level)
{
    struct handle *handle = handle_of(base);
    lock(handle->disk);
    int result = take_level(handle, level);
    unlock(handle->disk);
    return result;
}

static int unlock_file(sqlite3_file *base, int level)
{
    struct handle *handle = handle_of(base);
    lock(handle->disk);
    give_level(handle, level);
    unlock(handle->disk);
    return SQLITE_OK;
}

static int check_reserved(sqlite3_file *base, int *reserved)
{
    struct handle *handle = handle_of(base);
    lock(handle->disk);
    *reserved = handle->file->reserved || handle->file->pending;
    unlock(handle->disk);
    return SQLITE_OK;
}

static int close_file(sqlite3_file *base)
{
    struct handle *handle = handle_of(base);
    struct memvfs *disk = handle->disk;
    struct file *file = handle->file;
    lock(disk);
    CHECK(file->open_count > 0);
    give_level(handle, SQLITE_LOCK_NONE);
    file->open_count--;
    if (handle->delete_on_close)
        file->deleted = true;
    if (file->open_count == 0 && file->deleted)
        free_file(file);
    unlock(disk);
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument)
{
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base)
{
    (void)base;
    return SECTOR;
}

static int characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
    struct handle *handle = handle_of(base);
    struct file *file = handle->file;
    CHECK(region >= 0 && region < SHM_REGIONS_MAX);
    lock(handle->disk);
    if (!handle->shm) {
        handle->shm = true;
        file->shm_users++;
    }
    if (!file->regions[region] && extend)
        file->regions[region] = mem_zalloc((size_t)size);
    *out = file->regions[region];
    unlock(handle->disk);
    return SQLITE_OK;
}

static void give_shm(struct handle *handle, int slot)
{
    struct file *file = handle->file;
    if (file->shm_exclusive[slot] == handle)
        file->shm_exclusive[slot] = NULL;
    if (handle->shm_shared >> slot & 1) {
        CHECK(file->shm_shared[slot] > 0);
        file->shm_shared[slot]--;
        handle->shm_shared &= ~(1u << slot);
    }
}

static bool may_take_shm(const struct handle *handle, int slot, bool exclusive)
{
    const struct file *file = handle->file;
    size_t own = handle->shm_shared >> slot & 1;
    if (file->shm_exclusive[slot] && file->shm_exclusive[slot] != handle)
        return false;
    return !exclusive || file->shm_shared[slot] == own;
}

static void take_shm(struct handle *handle, int slot, bool exclusive)
{
    if (exclusive) {
        handle->file->shm_exclusive[slot] = handle;
    } else if (!(handle->shm_shared >> slot & 1)) {
        handle->file->shm_shared[slot]++;
        handle->shm_shared |= 1u << slot;
    }
}

static int shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    struct handle *handle = handle_of(base);
    bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    bool free = true;
    CHECK(offset >= 0);
    CHECK(offset + count <= SQLITE_SHM_NLOCK);
    lock(handle->disk);
    for (int slot = offset; slot < offset + count; slot++)
        if (flags & SQLITE_SHM_UNLOCK)
            give_shm(handle, slot);
        else
            free = free && may_take_shm(handle, slot, exclusive);
    for (int slot = offset; slot < offset + count && free && (flags & SQLITE_SHM_LOCK); slot++)
        take_shm(handle, slot, exclusive);
    unlock(handle->disk);
    return free ? SQLITE_OK : SQLITE_BUSY;
}

static void shm_barrier(sqlite3_file *base)
{
    struct handle *handle = handle_of(base);
    lock(handle->disk);
    unlock(handle->disk);
}

/* The last one takes the index along, as the death of the last process would. */
static int shm_unmap(sqlite3_file *base, int delete_file)
{
    struct handle *handle = handle_of(base);
    (void)delete_file;
    lock(handle->disk);
    for (int slot = 0; slot < SQLITE_SHM_NLOCK; slot++)
        give_shm(handle, slot);
    if (handle->shm) {
        handle->shm = false;
        CHECK(handle->file->shm_users > 0);
        if (--handle->file->shm_users == 0)
            free_shm(handle->file);
    }
    unlock(handle->disk);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_handle,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* -- the disk's methods -- */

static struct memvfs *disk_of(sqlite3_vfs *vfs)
{
    return CONTAINER_OF(vfs, struct memvfs, vfs);
}

static int open_file(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *base, int flags,
                     int *out_flags)
{
    struct memvfs *disk = disk_of(vfs);
    struct handle *handle = handle_of(base);
    *handle = (struct handle){.disk = disk};
    lock(disk);
    handle->file = path ? find(disk, path) : NULL;
    if (!handle->file && (flags & SQLITE_OPEN_CREATE) && !disk->dark)
        handle->file = add(disk, path ? path : "");
    if (handle->file) {
        handle->file->open_count++;
        handle->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
        handle->base.pMethods = &methods;
    }
    unlock(disk);
    if (out_flags)
        *out_flags = flags;
    return handle->file ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    struct memvfs *disk = disk_of(vfs);
    (void)sync_directory;
    lock(disk);
    struct file *file = find(disk, path);
    int result = file ? meet_fault(disk, MEMVFS_DELETE) : SQLITE_IOERR_DELETE_NOENT;
    if (result == SQLITE_OK) {
        file->deleted = true;
        if (file->open_count == 0)
            free_file(file);
    }
    unlock(disk);
    return result;
}

static int access_file(sqlite3_vfs *vfs, const char *path, int flags, int *found)
{
    (void)flags;
    *found = memvfs_exists(disk_of(vfs), path);
    return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
}

static int randomness(sqlite3_vfs *vfs, int len, char *out)
{
    struct memvfs *disk = disk_of(vfs);
    lock(disk);
    rng_bytes(&disk->rng, out, (size_t)len);
    unlock(disk);
    return len;
}

static int no_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int no_time(sqlite3_vfs *vfs, double *julian_day)
{
    (void)vfs;
    *julian_day = 2460000.5;
    return SQLITE_OK;
}

static int no_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    if (size > 0)
        out[0] = '\0';
    return 0;
}

struct memvfs *memvfs_new(const char *name)
{
    struct memvfs *disk = MEM_NEW(struct memvfs);
    disk->name = mem_strndup(name, strlen(name));
    CHECK(pthread_mutex_init(&disk->lock, NULL) == 0);
    list_init(&disk->files);
    rng_init_u64(&disk->rng, 1);
    disk->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(struct handle),
        .mxPathname = PATH_MAX_BYTES,
        .zName = disk->name,
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_path,
        .xRandomness = randomness,
        .xSleep = no_sleep,
        .xCurrentTime = no_time,
        .xGetLastError = no_error,
    };
    CHECK(sqlite3_vfs_register(&disk->vfs, 0) == SQLITE_OK);
    return disk;
}

void memvfs_free(struct memvfs *disk)
{
    CHECK(sqlite3_vfs_unregister(&disk->vfs) == SQLITE_OK);
    LIST_EACH(&disk->files, link) {
        struct file *file = CONTAINER_OF(link, struct file, link);
        CHECK(file->open_count == 0);
        free_file(file);
    }
    CHECK(pthread_mutex_destroy(&disk->lock) == 0);
    mem_free(disk->name);
    mem_free(disk);
}

/* -- power loss -- */

/* The sectors of a change, each kept or lost by chance. */
static void keep_some(struct memvfs *disk, struct file *file, const struct change *change,
                      uint64_t percent)
{
    if (!change->data) {
        if (rng_below(&disk->rng, 100) < percent)
            change_content(&file->durable, change);
        return;
    }
    for (size_t start = 0; start < change->len;) {
        size_t len = SECTOR - (change->offset + start) % SECTOR;
        if (len > change->len - start)
            len = change->len - start;
        struct change sector = {
            .offset = change->offset + start, .len = len, .data = change->data + start};
        if (rng_below(&disk->rng, 100) < percent)
            change_content(&file->durable, &sector);
        start += len;
    }
}

static void lose_unsynced(struct memvfs *disk, struct file *file, uint64_t percent)
{
    CHECK(file->open_count == 0);
    for (size_t i = 0; percent && i < file->change_count; i++)
        keep_some(disk, file, &file->changes[i], percent);
    drop_changes(file);
    buf_clear(&file->current);
    buf_add_slice(&file->current, buf_slice(&file->durable));
}

void memvfs_power_loss(struct memvfs *disk, uint64_t seed)
{
    static const uint64_t percents[] = {100, 50, 90};
    uint64_t percent = seed ? percents[seed % ARRAY_LEN(percents)] : 0;
    lock(disk);
    rng_init_u64(&disk->rng, seed);
    disk->dark = false;
    LIST_EACH(&disk->files, link)
        lose_unsynced(disk, CONTAINER_OF(link, struct file, link), percent);
    unlock(disk);
}

void memvfs_cut_power(struct memvfs *disk, uint64_t after)
{
    lock(disk);
    disk->cut_at = disk->changes + after + 1;
    unlock(disk);
}

bool memvfs_dark(struct memvfs *disk)
{
    lock(disk);
    bool dark = disk->dark;
    unlock(disk);
    return dark;
}

/* -- for tests -- */

void memvfs_fail(struct memvfs *disk, struct memvfs_fault fault)
{
    lock(disk);
    disk->fault = fault;
    disk->struck = false;
    unlock(disk);
}

bool memvfs_struck(struct memvfs *disk)
{
    lock(disk);
    bool struck = disk->struck;
    unlock(disk);
    return struck;
}

uint64_t memvfs_changes(struct memvfs *disk)
{
    lock(disk);
    uint64_t changes = disk->changes;
    unlock(disk);
    return changes;
}

uint64_t memvfs_reads(struct memvfs *disk)
{
    lock(disk);
    uint64_t reads = disk->reads;
    unlock(disk);
    return reads;
}

void memvfs_let_look(struct memvfs *disk, bool look)
{
    lock(disk);
    disk->looked_at = look;
    unlock(disk);
}

struct slice memvfs_read(struct memvfs *disk, const char *path)
{
    lock(disk);
    const struct file *file = find(disk, path);
    struct slice content = file ? buf_slice(&file->current) : slice_of(NULL, 0);
    unlock(disk);
    return content;
}

void memvfs_write(struct memvfs *disk, const char *path, struct slice content)
{
    lock(disk);
    struct file *file = find(disk, path);
    if (!file)
        file = add(disk, path);
    drop_changes(file);
    buf_clear(&file->current);
    buf_clear(&file->durable);
    buf_add_slice(&file->current, content);
    buf_add_slice(&file->durable, content);
    unlock(disk);
}

bool memvfs_exists(struct memvfs *disk, const char *path)
{
    lock(disk);
    bool found = find(disk, path) != NULL;
    unlock(disk);
    return found;
}
