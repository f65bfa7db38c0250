#include "socket.h"

#include <errno.h>
#include <linux/tcp.h> /* netinet/tcp.h of Debian 12 has no tcpi_bytes_received */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raftmetrics/base/error.h"

enum { BACKLOG = 1024 };

static int bind_and_listen(int fd, const struct addrinfo *info, bool is_shared)
{
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)) {
        return RM_EIO;
    }
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        switch (errno) {
        case EADDRINUSE:
            return RM_EBUSY;
        case EADDRNOTAVAIL:
            return RM_EINVAL;
        default:
            return RM_EIO;
        }
    }
    return 0;
}

static int port_of(int fd, uint16_t *ret_port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t len = sizeof bound;

    if (getsockname(fd, &bound.any, &len) != 0) {
        return RM_EIO;
    }
    *ret_port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return 0;
}

static int resolve(const char *address, uint16_t port, struct addrinfo **ret_info)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_PASSIVE | AI_NUMERICSERV};
    char service[sizeof "65535"];

    snprintf(service, sizeof service, "%u", (unsigned)port);
    if (strcmp(address, "localhost") == 0) {
        address = "127.0.0.1";
    }
    return getaddrinfo(address, service, &hints, ret_info) == 0 ? 0 : RM_EINVAL;
}

static int open_listener(const struct addrinfo *info, bool is_shared, int *ret_fd)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rv;

    if (fd < 0) {
        return RM_EIO;
    }
    rv = bind_and_listen(fd, info, is_shared);
    if (rv != 0) {
        close(fd);
        return rv;
    }
    *ret_fd = fd;
    return 0;
}

/* With SO_REUSEPORT a second daemon could take half of the first one's clients unnoticed: look
 * without it first. */
static int check_alone(const struct addrinfo *info)
{
    int fd;
    int rv = open_listener(info, false, &fd);

    if (rv == 0) {
        close(fd);
    }
    return rv;
}

int rm__listener_open(const char *address, uint16_t port, enum rm_port_sharing sharing, int *ret_fd,
                      uint16_t *ret_port)
{
    struct addrinfo *info = NULL;
    int fd = -1;
    int rv;

    rv = resolve(address, port, &info);
    if (rv != 0) {
        return rv;
    }
    if (sharing == RM_PORT_FIRST && port != 0) {
        rv = check_alone(info);
    }
    if (rv == 0) {
        rv = open_listener(info, sharing != RM_PORT_ALONE, &fd);
    }
    freeaddrinfo(info);
    if (rv == 0) {
        rv = port_of(fd, ret_port);
        if (rv != 0) {
            close(fd);
        } else {
            *ret_fd = fd;
        }
    }
    return rv;
}

uint64_t rm__socket_bytes_received(int fd, uint64_t otherwise)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        return otherwise;
    }
    return info.tcpi_bytes_received;
}
