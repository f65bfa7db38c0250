/* TCP sockets: listening on one, and what the kernel knows of one. */
#ifndef RAFTMETRICS_SRC_NET_SOCKET_H
#define RAFTMETRICS_SRC_NET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Binds @address (numeric, or "localhost") and listens. With @shared_port further sockets of this
 * process may bind the same port.
 * Errors: RM_EBUSY (taken); RM_EINVAL (address); RM_EIO; outputs untouched. */
int rm__listener_open(const char *address, uint16_t port, bool shared_port, int *ret_fd,
                      uint16_t *ret_port);

/* Bytes that the kernel took in on a connection so far; @otherwise where it does not tell. */
uint64_t rm__socket_bytes_received(int fd, uint64_t otherwise);

#endif
