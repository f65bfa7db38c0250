#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_lock.h"
#include "raftmetrics/base/error.h"

enum { PARENT_MODE = 0755 };

static int complain_errno(struct rm_complaint *complaint, const char *what, const char *path)
{
    return rm_complain(complaint, RM_EIO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* What was made in @path is durable. */
static int sync_directory(const char *path, struct rm_complaint *complaint)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = 0;

    if (fd < 0 || fsync(fd) != 0) {
        error = complain_errno(complaint, "sync", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

/* @path is @parent and one name more. */
static int make_one(const char *parent, const char *path, unsigned mode,
                    struct rm_complaint *complaint)
{
    struct stat found;

    if (mkdir(path, mode) == 0) {
        return sync_directory(parent, complaint);
    }
    /* Above what is ours mkdir may fail in other ways than EEXIST: the root may be read-only. */
    if (stat(path, &found) == 0) {
        errno = ENOTDIR;
        return S_ISDIR(found.st_mode) ? 0 : complain_errno(complaint, "make", path);
    }
    return complain_errno(complaint, "make", path);
}

int rm_directory_make(const char *path, unsigned mode, struct rm_complaint *complaint)
{
    char so_far[PATH_MAX];
    char parent[PATH_MAX];
    int error = 0;

    if (snprintf(so_far, sizeof so_far, "%s", path) >= (int)sizeof so_far) {
        return rm_complain(complaint, RM_EIO, "cannot make %.100s…: its name is too long", path);
    }
    snprintf(parent, sizeof parent, "%s", path[0] == '/' ? "/" : ".");
    for (char *at = so_far + strspn(so_far, "/"); error == 0 && *at != '\0';) {
        char *end = at + strcspn(at, "/");
        char *next = end + strspn(end, "/");
        bool is_last = *next == '\0';

        *end = '\0';
        error = make_one(parent, so_far, is_last ? mode : PARENT_MODE, complaint);
        if (error == 0 && !is_last) {
            snprintf(parent, sizeof parent, "%s", so_far);
            *end = '/';
        }
        at = next;
    }
    return error;
}

int rm_directory_lock(const char *path, int *ret_fd, struct rm_complaint *complaint)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error;

    if (fd < 0) {
        return complain_errno(complaint, "open", path);
    }
    if (rm_file_lock(fd)) {
        *ret_fd = fd;
        return 0;
    }
    error = errno == EWOULDBLOCK
                ? rm_complain(complaint, RM_EBUSY, "another process holds %s", path)
                : complain_errno(complaint, "lock", path);
    close(fd);
    return error;
}
