#include "open_segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "entry.h"
#include "little_endian.h"
#include "raftmetrics/base/durable_file.h"
#include "raftmetrics/base/error.h"

#define MAGIC UINT64_C(0x3148434145524d52) /* "RMREACH1" */

enum {
    MAGIC_AT = 0,
    INDEX_AT = 8,
    CHECKSUM_AT = 16,
    FILE_BYTES = 24,
};

/* ---- the segments ---- */

/* The highest index in @bytes. C-Raft pads all it writes to multiples of 8 bytes. */
static uint64_t last_of(struct rm_slice bytes)
{
    uint64_t last = 0;
    size_t at = 0;

    while (bytes.len - at >= RM__ENTRY_HEADER_BYTES) {
        struct rm__entry entry;
        struct rm_slice rest = rm_slice_make(bytes.data + at, bytes.len - at);

        if (rm__entry_decode_front(rest, &entry) != 0) {
            at += 8;
            continue;
        }
        last = entry.index > last ? entry.index : last;
        at += rm__entry_size(entry.body.len);
    }
    return last;
}

static int scan(const char *path, uint64_t *last)
{
    struct stat stat;
    void *bytes;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t found;

    if (fd < 0) {
        return RM_EIO;
    }
    if (fstat(fd, &stat) != 0) {
        close(fd);
        return RM_EIO;
    }
    if (stat.st_size == 0) {
        close(fd);
        return 0;
    }
    bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) {
        return RM_ENOMEM;
    }
    found = last_of(rm_slice_make(bytes, (size_t)stat.st_size));
    munmap(bytes, (size_t)stat.st_size);
    *last = found > *last ? found : *last;
    return 0;
}

static int scan_all(const char *dir, uint64_t *ret_index)
{
    DIR *entries = opendir(dir);
    const struct dirent *entry;
    uint64_t last = 0;
    int rv = 0;

    if (entries == NULL) {
        return RM_EIO;
    }
    while (rv == 0 && (entry = readdir(entries)) != NULL) {
        char path[PATH_MAX];

        if (strncmp(entry->d_name, "open-", 5) != 0) {
            continue;
        }
        rv = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) < (int)sizeof path
                 ? scan(path, &last)
                 : RM_EIO;
    }
    closedir(entries);
    if (rv == 0) {
        *ret_index = last;
    }
    return rv;
}

/* ---- the file ---- */

/* Errors: RM_EIO, where the path is too long. */
static int path_in(const char *dir, char ret_path[PATH_MAX])
{
    return snprintf(ret_path, PATH_MAX, "%s/reach", dir) < PATH_MAX ? 0 : RM_EIO;
}

/* 0 where there is none. */
static int read_reach(const char *path, uint64_t *ret_index)
{
    char bytes[FILE_BYTES];
    size_t len;
    int rv = rm_durable_file_read(path, bytes, sizeof bytes, &len);

    if (rv == RM_ENOTFOUND) {
        *ret_index = 0;
        return 0;
    }
    if (rv != 0) {
        return rv == RM_ETOOBIG ? RM_ECORRUPT : rv;
    }
    if (len != sizeof bytes || rm__get_u64(bytes + MAGIC_AT) != MAGIC ||
        rm__get_u64(bytes + CHECKSUM_AT) != XXH3_64bits(bytes, CHECKSUM_AT)) {
        return RM_ECORRUPT;
    }
    *ret_index = rm__get_u64(bytes + INDEX_AT);
    return 0;
}

static int write_reach(const char *path, uint64_t index)
{
    char bytes[FILE_BYTES];

    rm__put_u64(bytes + MAGIC_AT, MAGIC);
    rm__put_u64(bytes + INDEX_AT, index);
    rm__put_u64(bytes + CHECKSUM_AT, XXH3_64bits(bytes, CHECKSUM_AT));
    return rm_durable_file_write(path, bytes, sizeof bytes);
}

int rm__open_segments_last(const char *dir, uint64_t *ret_index)
{
    char path[PATH_MAX];
    uint64_t found = 0;
    uint64_t noted = 0;
    int rv = path_in(dir, path);

    if (rv == 0) {
        rv = scan_all(dir, &found);
    }
    if (rv == 0) {
        rv = read_reach(path, &noted);
    }
    if (rv != 0) {
        return rv;
    }
    if (found > noted) {
        /* A full disk must not make a sound replica a damaged one: this load is checked anyway. */
        (void)write_reach(path, found);
    }
    *ret_index = found > noted ? found : noted;
    return 0;
}

int rm__open_segments_forget(const char *dir)
{
    char path[PATH_MAX];
    int rv = path_in(dir, path);

    if (rv != 0) {
        return rv;
    }
    if (unlink(path) != 0) {
        return errno == ENOENT ? 0 : RM_EIO;
    }
    return rm_durable_directory_sync(dir);
}
