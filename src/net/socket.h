/* TCP sockets: listening on one, and what the kernel knows of one. */
#ifndef RAFTMETRICS_SRC_NET_SOCKET_H
#define RAFTMETRICS_SRC_NET_SOCKET_H

#include <stdint.h>

#include "raftmetrics/net/http_server.h"

/* Binds @address (numeric, or "localhost") and listens.
 * Errors: RM_EBUSY (taken); RM_EINVAL (address); RM_EIO; outputs untouched. */
int rm__listener_open(const char *address, uint16_t port, enum rm_port_sharing sharing, int *ret_fd,
                      uint16_t *ret_port);

/* Bytes that the kernel took in on a connection so far; @otherwise where it does not tell. */
uint64_t rm__socket_bytes_received(int fd, uint64_t otherwise);

#endif
