#include "shard_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raftmetrics/base/durable_file.h"
#include "raftmetrics/base/error.h"

enum { BLOCK_BYTES = 512 }; /* of st_blocks, whatever the file system has */

static int make_path(const char *data_dir, uint32_t shard, const char *suffix,
                     char ret_path[PATH_MAX])
{
    int len = snprintf(ret_path, PATH_MAX, "%s/shard-%" PRIu32 "%s", data_dir, shard, suffix);

    return len > 0 && len < PATH_MAX ? 0 : RM_EIO;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

bool rm__shard_dir_is_bare(const char *data_dir, uint32_t shard)
{
    char path[PATH_MAX];
    const struct dirent *entry;
    bool is_bare = true;
    DIR *dir;

    if (make_path(data_dir, shard, "", path) != 0) {
        return false;
    }
    dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT;
    }
    while (is_bare && (entry = readdir(dir)) != NULL) {
        is_bare = is_dots(entry->d_name);
    }
    closedir(dir);
    return is_bare;
}

/* A replica keeps files only. */
static int remove_path(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int rv = 0;

    if (dir == NULL) {
        return errno == ENOENT ? 0 : RM_EIO;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (!is_dots(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) != 0) {
            rv = RM_EIO;
        }
    }
    closedir(dir);
    return rv == 0 && rmdir(path) != 0 ? RM_EIO : rv;
}

int rm__shard_dir_remove(const char *data_dir, uint32_t shard)
{
    char path[PATH_MAX];
    int rv = make_path(data_dir, shard, "", path);

    return rv != 0 ? rv : remove_path(path);
}

int rm__shard_dir_set_aside(const char *data_dir, uint32_t shard)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    int rv = make_path(data_dir, shard, "", from);

    if (rv == 0) {
        rv = make_path(data_dir, shard, ".damaged", to);
    }
    if (rv != 0 || (access(from, F_OK) != 0 && errno == ENOENT)) {
        return rv;
    }
    rv = remove_path(to);
    if (rv == 0 && rename(from, to) != 0) {
        rv = RM_EIO;
    }
    return rv != 0 ? rv : rm_durable_directory_sync(data_dir);
}

/* Blocks, not lengths: C-Raft allocates its segments ahead. */
static uint64_t bytes_below(int dir_fd, const char *name, unsigned depth)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    uint64_t n_bytes = 0;

    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        struct stat status;

        if (is_dots(entry->d_name) ||
            fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        n_bytes += (uint64_t)status.st_blocks * BLOCK_BYTES;
        if (S_ISDIR(status.st_mode) && depth > 0) {
            n_bytes += bytes_below(fd, entry->d_name, depth - 1);
        }
    }
    closedir(dir);
    return n_bytes;
}

uint64_t rm__data_dir_bytes(const char *data_dir)
{
    return bytes_below(AT_FDCWD, data_dir, 1);
}
