#include "raftmetrics/base/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "raftmetrics/base/error.h"

static int error_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? RM_ENOSPACE : RM_EIO;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return error_of_errno();
        }
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_temporary(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rv;

    if (fd < 0) {
        return error_of_errno();
    }
    rv = write_all(fd, bytes, len);
    if (rv == 0 && fsync(fd) != 0) {
        rv = error_of_errno();
    }
    if (close(fd) != 0 && rv == 0) {
        rv = error_of_errno();
    }
    return rv;
}

int rm_durable_directory_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rv;

    if (fd < 0) {
        return error_of_errno();
    }
    rv = fsync(fd) == 0 ? 0 : error_of_errno();
    close(fd);
    return rv;
}

int rm_durable_file_write(const char *path, const void *bytes, size_t len)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char directory[PATH_MAX];
    char temporary[PATH_MAX];
    int rv;

    snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 2 : (int)(name - path),
             slash == NULL ? "./" : path);
    if (snprintf(temporary, sizeof temporary, "%stmp-%s", directory, name) >=
        (int)sizeof temporary) {
        return RM_EIO;
    }
    rv = write_temporary(temporary, bytes, len);
    if (rv == 0 && rename(temporary, path) != 0) {
        rv = error_of_errno();
    }
    if (rv != 0) {
        unlink(temporary);
        return rv;
    }
    return rm_durable_directory_sync(directory);
}

static int read_all(int fd, char *bytes, size_t max, size_t *ret_len)
{
    size_t len = 0;

    for (;;) {
        char beyond;
        ssize_t n = len < max ? read(fd, bytes + len, max - len) : read(fd, &beyond, 1);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return RM_EIO;
        }
        if (n == 0) {
            *ret_len = len;
            return 0;
        }
        if (len == max) {
            return RM_ETOOBIG;
        }
        len += (size_t)n;
    }
}

int rm_durable_file_read(const char *path, void *ret_bytes, size_t max, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rv;

    if (fd < 0) {
        return errno == ENOENT ? RM_ENOTFOUND : RM_EIO;
    }
    rv = read_all(fd, ret_bytes, max, ret_len);
    close(fd);
    return rv;
}
