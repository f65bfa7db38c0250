/* Reads that take longer than the loop may be held, for Raft lives on it too: they go on a slice at
 * a time, one after the other, and everything else has its turn in between. */
#ifndef RAFTMETRICS_SRC_API_WORKER_SLOW_READS_H
#define RAFTMETRICS_SRC_API_WORKER_SLOW_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../exchange.h"
#include "raftmetrics/base/list.h"

enum {
    /* What a slice may cost, in values of a store that are read: some 5 ns each, 1 ms in all. */
    RM__SLICE_VALUES = 200000,
};

/* Embedded in what is to be answered. */
struct rm__slow_read {
    struct rm_list link;
    struct rm__exchange *exchange;
    size_t n_bytes; /* that it holds while it goes on; work may change it */
    bool is_answered;
    /* Goes on for a slice. True: it has answered. */
    bool (*work)(struct rm__slow_read *read);
    /* Once it is answered: lets go of what it holds, for a slice. True: it is to be freed. */
    bool (*close)(struct rm__slow_read *read);
    void (*free)(struct rm__slow_read *read);
};

struct rm__slow_reads {
    struct rm_loop *loop;
    struct rm_idle *idle;   /* started while any waits */
    struct rm_list waiting; /* in the order of their turns */
    size_t n_waiting;
    uint64_t n_ever; /* that could not be answered at once */

    uint64_t n_bytes; /* that those that wait hold */
    uint64_t max_bytes;
    uint64_t (*kept_bytes)(void *data); /* what stores keep for them beside that */
    void *data;
};

/* @max_bytes: of what they and stores hold for them; but one always goes on as long as stores keep
 * no more than that for it. Errors: RM_ENOMEM. */
int rm__slow_reads_init(struct rm__slow_reads *reads, struct rm_loop *loop, uint64_t max_bytes,
                        uint64_t (*kept_bytes)(void *data), void *data);

/* Tells those that wait that the worker stops. Harmless on a zeroed one. */
void rm__slow_reads_done(struct rm__slow_reads *reads);

/* Takes @read over. Its first slice is worked off at once; if that is not all, it is answered soon:
 * by its work, or because too many wait, or hold too much, or because its deadline has come. */
void rm__slow_reads_begin(struct rm__slow_reads *reads, struct rm__slow_read *read);

#endif
