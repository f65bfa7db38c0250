#include "open_segments.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "raftmetrics/base/error.h"

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

int rm__open_segments_last(const char *dir, uint64_t *ret_index)
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
