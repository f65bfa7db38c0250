/* What was refused, so that each address is reported once for each reason until it succeeds. Holds
 * few: where it is full, what is oldest makes room after a minute, and until then nothing more is
 * reported, for whoever has many addresses shall not fill the log. */
#ifndef RAFTMETRICS_SRC_RAFT_REFUSALS_H
#define RAFTMETRICS_SRC_RAFT_REFUSALS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RM__REFUSALS_MAX = 64, RM__REFUSAL_KEEP_MS = 60000 };

struct rm__refusal {
    char address[INET6_ADDRSTRLEN];
    const char *reason; /* a literal */
    uint64_t time_ms;
};

/* Zeroed: empty. */
struct rm__refusals {
    struct rm__refusal refusals[RM__REFUSALS_MAX]; /* oldest first */
    size_t n_refusals;
};

/* True where it is to be reported. @address: without port, shorter than INET6_ADDRSTRLEN. */
bool rm__refusals_add(struct rm__refusals *refusals, const char *address, const char *reason,
                      uint64_t now_ms);

/* @address has succeeded. */
void rm__refusals_forget(struct rm__refusals *refusals, const char *address);

#endif
