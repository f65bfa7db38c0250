#include "disk.h"

#include <sys/statvfs.h>

#include "raftmetrics/base/error.h"

int rm__disk_free_bytes(const char *dir, uint64_t *ret_bytes)
{
    struct statvfs stat;

    if (statvfs(dir, &stat) != 0) {
        return RM_EIO;
    }
    *ret_bytes = (uint64_t)stat.f_bavail * stat.f_frsize;
    return 0;
}
