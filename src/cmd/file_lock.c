#include "file_lock.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

enum { PAUSE_MS = 10 };

bool rm_file_lock(int fd)
{
    static const struct timespec pause = {0, PAUSE_MS * 1000000L};

    for (int waited_ms = 0; waited_ms < RM_DYING_MS; waited_ms += PAUSE_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            return true;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    errno = EWOULDBLOCK;
    return false;
}
