#include "pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_lock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"

enum { PID_TEXT_MAX = 24 };

static int64_t read_pid(int fd)
{
    char text[PID_TEXT_MAX];
    ssize_t n = pread(fd, text, sizeof text, 0);
    int64_t pid;

    if (n > 0 && text[n - 1] == '\n') {
        n--;
    }
    if (n <= 0 || rm_int_parse(rm_slice_make(text, (size_t)n), 1, INT32_MAX, &pid) != 0) {
        return 0;
    }
    return pid;
}

/* False where the file was removed, by its last holder, between our open and our lock. */
static bool is_at(int fd, const char *path)
{
    struct stat ours;
    struct stat there;

    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static int complain_errno(struct rm_complaint *complaint, const char *path)
{
    return rm_complain(complaint, RM_EIO, "cannot write the pid file %s: %s", path,
                       strerror(errno));
}

static int open_locked(const char *path, int *ret_fd, struct rm_complaint *complaint)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

        if (fd < 0) {
            return complain_errno(complaint, path);
        }
        /* rm_pidfile_holder, too, has the lock for a moment when it asks. */
        if (!rm_file_lock(fd)) {
            rm_complain(complaint, RM_EBUSY, "process %" PRId64 " runs already and holds %s",
                        read_pid(fd), path);
            close(fd);
            return RM_EBUSY;
        }
        if (is_at(fd, path)) {
            *ret_fd = fd;
            return 0;
        }
        close(fd);
    }
}

int rm_pidfile_acquire(const char *path, struct rm_pidfile *ret_pidfile,
                       struct rm_complaint *complaint)
{
    char text[PID_TEXT_MAX];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int fd = -1;
    int error = path[0] == '\0' ? 0 : open_locked(path, &fd, complaint);

    if (error != 0) {
        return error;
    }
    if (fd >= 0 && (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)) {
        error = complain_errno(complaint, path);
        close(fd);
        return error;
    }
    *ret_pidfile = (struct rm_pidfile){fd, path};
    return 0;
}

void rm_pidfile_release(struct rm_pidfile *pidfile)
{
    if (pidfile->fd >= 0) {
        unlink(pidfile->path);
        close(pidfile->fd);
        pidfile->fd = -1;
    }
}

int64_t rm_pidfile_holder(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int64_t pid = 0;

    if (fd < 0) {
        return 0;
    }
    if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        pid = read_pid(fd);
    }
    close(fd);
    return pid;
}
