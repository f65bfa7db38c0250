#include "slow_reads.h"

#include "raftmetrics/base/error.h"
#include "raftmetrics/net/loop.h"

/* Each holds what it has found so far: some MiB, if it has many steps or groups. */
enum { WAITING_MAX = 64 };

static void take_turn(struct rm__slow_reads *reads)
{
    struct rm__slow_read *read = RM_LIST_ENTRY(reads->waiting.next, struct rm__slow_read, link);

    rm_list_remove(&read->link);
    if (rm_loop_now_ms(reads->loop) >= read->exchange->deadline_ms) {
        rm__reply_error(read->exchange, RM__DEADLINE_EXCEEDED,
                        "The answer took longer than a client is kept waiting; ask for less "
                        "(from, to, label)");
    } else if (!read->work(read)) {
        rm_list_push_back(&reads->waiting, &read->link);
        return;
    }
    reads->n_waiting--;
    read->free(read);
}

static void on_turn(void *data)
{
    struct rm__slow_reads *reads = data;

    take_turn(reads);
    if (reads->n_waiting == 0) {
        rm_idle_stop(reads->idle);
    }
}

int rm__slow_reads_init(struct rm__slow_reads *reads, struct rm_loop *loop)
{
    *reads = (struct rm__slow_reads){.loop = loop};
    rm_list_init(&reads->waiting);
    reads->idle = rm_idle_new(loop, on_turn, reads);
    return reads->idle == NULL ? RM_ENOMEM : 0;
}

void rm__slow_reads_done(struct rm__slow_reads *reads)
{
    while (reads->n_waiting > 0) {
        struct rm__slow_read *read = RM_LIST_ENTRY(reads->waiting.next, struct rm__slow_read, link);

        rm_list_remove(&read->link);
        reads->n_waiting--;
        rm__reply_error(read->exchange, RM__NO_LEADER, "The worker was stopped; try again");
        read->free(read);
    }
    rm_idle_free(reads->idle);
    reads->idle = NULL;
}

void rm__slow_reads_add(struct rm__slow_reads *reads, struct rm__slow_read *read)
{
    reads->n_ever++;
    if (reads->n_waiting == WAITING_MAX) {
        rm__reply_error(read->exchange, RM__OVERLOADED,
                        "%d reads that take long are under way; try again later", WAITING_MAX);
        read->free(read);
        return;
    }
    rm_list_push_back(&reads->waiting, &read->link);
    reads->n_waiting++;
    rm_idle_start(reads->idle);
}
