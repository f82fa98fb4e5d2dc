/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a store:
 *
 *   lock                    held with flock() while a broker runs; says its process id
 *   node.db                 users, permissions, virtual hosts, policies
 *   vhost-<name>.db         one for each virtual host
 *   *.db-wal, *.db-shm      SQLite's, beside each
 */
#include "storage/files.h"

#include "base/hmap.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NAME_MAX_ENCODED 180 /* a file name has 255 bytes; "vhost-", ".db-wal" must fit as well */
#define NAME_KEPT 120        /* of a longer one, before the hash */
#define DIRECTORY_MODE 0700
#define LOCK_MODE 0600

static enum err fail(int error, char *message, size_t message_size, const char *what,
                     const char *path)
{
    snprintf(message, message_size,
             "can't %s %s: %s. Check that the user the broker runs as may "
             "write there",
             what, path, strerror(error));
    return error == ENOSPC ? ERR_NO_SPACE : ERR_IO;
}

static int make_directory(const char *path)
{
    return mkdir(path, DIRECTORY_MODE) == 0 || errno == EEXIST ? 0 : errno;
}

enum err files_directory(const char *directory, char *message, size_t message_size)
{
    char *path = mem_strndup(directory, strlen(directory));
    int error = 0;
    for (char *slash = strchr(path + 1, '/'); slash && error == 0; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        error = make_directory(path);
        *slash = '/';
    }
    mem_free(path);
    if (error == 0)
        error = make_directory(directory);
    return error ? fail(error, message, message_size, "create the directory", directory) : ERR_OK;
}

/* Who holds the lock is for the operator's eyes only; the lock itself is flock()'s. */
static void write_owner(int lock)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(lock, 0) == 0 && pwrite(lock, text, (size_t)len, 0) != len)
        CHECK(ftruncate(lock, 0) == 0 || errno != EBADF);
}

static enum err fail_busy(int lock, const char *path, char *message, size_t message_size)
{
    char owner[32] = "";
    ssize_t len = pread(lock, owner, sizeof(owner) - 1, 0);
    owner[len > 0 ? (size_t)len : 0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    snprintf(message, message_size,
             "the data directory is in use by another broker (process %s, "
             "which holds %s). Stop that one, or choose another data directory",
             owner[0] ? owner : "unknown", path);
    return ERR_BUSY;
}

enum err files_lock(const char *directory, int *lock, char *message, size_t message_size)
{
    struct buf path = BUF_INIT;
    enum err error = ERR_OK;
    buf_printf(&path, "%s/lock", directory);
    *lock = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC, LOCK_MODE);
    if (*lock < 0)
        error = fail(errno, message, message_size, "open", buf_cstr(&path));
    else if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
        write_owner(*lock);
    else if (errno == EWOULDBLOCK)
        error = fail_busy(*lock, buf_cstr(&path), message, message_size);
    else
        error = fail(errno, message, message_size, "lock", buf_cstr(&path));
    if (error != ERR_OK && *lock >= 0) {
        close(*lock);
        *lock = -1;
    }
    buf_fini(&path);
    return error;
}

void files_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

void files_node_path(struct buf *path, const char *directory)
{
    buf_clear(path);
    buf_printf(path, "%s/node.db", directory);
}

static bool is_plain(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.';
}

/* '~' is never plain, so a hashed name is no other's encoding. */
static void add_encoded(struct buf *path, struct slice name, size_t most)
{
    size_t start = path->len;
    for (size_t i = 0; i < name.len && path->len - start < most; i++)
        if (is_plain(name.data[i]))
            buf_add_u8(path, name.data[i]);
        else
            buf_printf(path, "%%%02X", name.data[i]);
}

void files_vhost_path(struct buf *path, const char *directory, struct slice name)
{
    buf_clear(path);
    buf_printf(path, "%s/vhost-", directory);
    size_t start = path->len;
    add_encoded(path, name, NAME_MAX_ENCODED + 1);
    if (path->len - start > NAME_MAX_ENCODED) {
        path->len = start;
        add_encoded(path, name, NAME_KEPT);
        buf_printf(path, "~%016" PRIx64 "%016" PRIx64, hmap_hash(name, 1), hmap_hash(name, 2));
    }
    buf_add_str(path, ".db");
}

bool files_any_vhost(const char *directory)
{
    DIR *entries = opendir(directory);
    const struct dirent *entry;
    bool found = false;
    while (entries && !found && (entry = readdir(entries))) {
        size_t len = strlen(entry->d_name);
        found = strncmp(entry->d_name, "vhost-", 6) == 0 && len > 3 &&
                strcmp(entry->d_name + len - 3, ".db") == 0;
    }
    if (entries)
        closedir(entries);
    return found;
}

uint64_t files_disk_free(const char *directory)
{
    struct statvfs disk;
    if (statvfs(directory, &disk) != 0)
        return UINT64_MAX;
    return (uint64_t)disk.f_bavail * disk.f_frsize;
}
