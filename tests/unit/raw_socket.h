/* Plain TCP on 127.0.0.1 for tests that share their thread with a loop: nothing here blocks. */
#ifndef RAFTMETRICS_TESTS_UNIT_RAW_SOCKET_H
#define RAFTMETRICS_TESTS_UNIT_RAW_SOCKET_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "turn.h"

enum { RAW_BYTES_MAX = 1 << 16 };

struct raw_socket {
    int fd; /* -1: none */
    char bytes[RAW_BYTES_MAX];
    size_t len;
    bool is_closed; /* by the peer */
};

static inline struct sockaddr_in raw_address(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* False where it is refused. */
static inline bool raw_connect(struct raw_socket *raw, uint16_t port)
{
    struct sockaddr_in address = raw_address(port);

    *raw = (struct raw_socket){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    /* The kernel accepts for the loop. */
    if (connect(raw->fd, (struct sockaddr *)&address, sizeof address) == 0) {
        return true;
    }
    close(raw->fd);
    raw->fd = -1;
    return false;
}

static inline void raw_close(struct raw_socket *raw)
{
    if (raw->fd >= 0) {
        close(raw->fd);
    }
    raw->fd = -1;
}

/* As much as the kernel takes. */
static inline void raw_send_bytes(struct raw_socket *raw, const void *bytes, size_t len)
{
    (void)!send(raw->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static inline void raw_send(struct raw_socket *raw, const char *text)
{
    raw_send_bytes(raw, text, strlen(text));
}

/* Takes in what has come. */
static inline void raw_receive(struct raw_socket *raw)
{
    ssize_t n = 1;

    while (n > 0 && raw->len < sizeof raw->bytes - 1) {
        n = recv(raw->fd, raw->bytes + raw->len, sizeof raw->bytes - 1 - raw->len, MSG_DONTWAIT);
        raw->len += n > 0 ? (size_t)n : 0;
    }
    raw->is_closed = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
    raw->bytes[raw->len] = '\0';
}

/* How often @text stands in what has come. */
static inline int raw_count(const struct raw_socket *raw, const char *text)
{
    const char *at = raw->bytes;
    int n = 0;

    while ((at = strstr(at, text)) != NULL) {
        at += strlen(text);
        n++;
    }
    return n;
}

struct raw_wait {
    struct raw_socket *raw;
    const char *text;
    int n;
};

static inline bool raw_has_come(void *data)
{
    struct raw_wait *wait = data;

    raw_receive(wait->raw);
    return wait->text == NULL ? wait->raw->is_closed : raw_count(wait->raw, wait->text) >= wait->n;
}

/* Turns the loop until @text has come @n times; NULL: until the peer has closed. */
static inline bool raw_wait_for(struct rm_loop *loop, struct raw_socket *raw, const char *text,
                                int n)
{
    struct raw_wait wait = {raw, text, n};

    return turn_until(loop, raw_has_come, &wait);
}

/* A listening socket; *@ret_port is where. */
static inline int raw_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = raw_address(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* A connection out of the listening @fd; false while there is none. */
static inline bool raw_accept(struct raw_socket *raw, int fd)
{
    *raw = (struct raw_socket){.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC)};
    return raw->fd >= 0;
}

#endif
