#include "text_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"

enum { SECRET_FILE_MAX = 65536 };

static int complain_errno(struct rm_complaint *complaint, const char *what, const char *path)
{
    return rm_complain(complaint, errno == ENOENT ? RM_ENOTFOUND : RM_EIO, "cannot %s %s: %s", what,
                       path, strerror(errno));
}

static int read_all(int fd, const char *path, struct rm_buffer *buffer,
                    struct rm_complaint *complaint)
{
    char block[16384];
    ssize_t n;
    int error;

    while ((n = read(fd, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return complain_errno(complaint, "read", path);
        }
        error = rm_buffer_append(buffer, block, (size_t)n);
        if (error != 0) {
            return rm_complain(complaint, error, "cannot read %s: %s", path, rm_strerror(error));
        }
    }
    if (buffer->len > 0 && memchr(buffer->data, '\0', buffer->len) != NULL) {
        return rm_complain(complaint, RM_EINVAL, "%s holds a NUL byte", path);
    }
    error = rm_buffer_append_byte(buffer, '\0');
    return error == 0 ? 0 : rm_complain(complaint, error, "cannot read %s: too long", path);
}

int rm_text_file_read(const char *path, size_t max, char **ret_text, struct rm_complaint *complaint)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct rm_buffer buffer;
    int error;

    if (fd < 0) {
        return complain_errno(complaint, "read", path);
    }
    rm_buffer_init(&buffer, max + 1);
    error = read_all(fd, path, &buffer, complaint);
    close(fd);
    if (error != 0) {
        rm_buffer_done(&buffer);
        return error;
    }
    *ret_text = rm_buffer_take(&buffer);
    return 0;
}

int rm_secret_file_read(const char *path, char **ret_text, struct rm_complaint *complaint)
{
    char *text = NULL;
    size_t len;
    int error = rm_text_file_read(path, SECRET_FILE_MAX, &text, complaint);

    if (error != 0) {
        return error;
    }
    assert(text != NULL);
    len = strlen(text);
    if (len > 0 && text[len - 1] == '\n') {
        text[--len] = '\0';
    }
    if (len > 0 && text[len - 1] == '\r') {
        text[--len] = '\0';
    }
    *ret_text = text;
    return 0;
}

static int write_all(int fd, struct rm_slice content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.data, content.len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return RM_EIO;
        }
        content = rm_slice_make(content.data + n, content.len - (size_t)n);
    }
    return fsync(fd) == 0 ? 0 : RM_EIO;
}

/* The rename itself must be on the disk too. */
static int sync_directory_of(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;
    int error;

    snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return RM_EIO;
    }
    error = fsync(fd) == 0 ? 0 : RM_EIO;
    close(fd);
    return error;
}

int rm_text_file_replace(const char *path, struct rm_slice content, struct rm_complaint *complaint)
{
    char temporary[PATH_MAX];
    int fd;
    int error;

    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        return rm_complain(complaint, RM_EIO, "cannot write %s: the path is too long", path);
    }
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return complain_errno(complaint, "write", path);
    }
    error = write_all(fd, content);
    if (close(fd) != 0 || error != 0 || rename(temporary, path) != 0 ||
        sync_directory_of(path) != 0) {
        complain_errno(complaint, "write", path);
        unlink(temporary);
        return RM_EIO;
    }
    return 0;
}
