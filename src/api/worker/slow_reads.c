#include "slow_reads.h"

#include "raftmetrics/base/error.h"
#include "raftmetrics/net/loop.h"

enum { WAITING_MAX = 64 };

/* ---- taking turns ---- */

static bool hold_too_much(const struct rm__slow_reads *reads)
{
    uint64_t n_kept = reads->kept_bytes(reads->data);

    return n_kept > reads->max_bytes ||
           (reads->n_waiting > 1 && reads->n_bytes > reads->max_bytes - n_kept);
}

/* True: it was refused. */
static bool refuse(const struct rm__slow_reads *reads, const struct rm__slow_read *read)
{
    if (rm_loop_now_ms(reads->loop) >= read->exchange->deadline_ms) {
        rm__reply_error(read->exchange, RM__DEADLINE_EXCEEDED,
                        "The answer took longer than a client is kept waiting; ask for less "
                        "(from, to, label)");
        return true;
    }
    if (hold_too_much(reads)) {
        rm__reply_error(read->exchange, RM__OVERLOADED,
                        "Reads that take long hold as much memory as they may (an eighth of "
                        "max_memory_bytes); try again later, or ask for less (label)");
        return true;
    }
    return false;
}

static void end(struct rm__slow_reads *reads, struct rm__slow_read *read)
{
    rm_list_remove(&read->link);
    reads->n_waiting--;
    reads->n_bytes -= read->n_bytes;
    read->free(read);
}

/* True: it has answered. */
static bool work(struct rm__slow_reads *reads, struct rm__slow_read *read)
{
    size_t n_bytes = read->n_bytes;
    bool is_done = read->work(read);

    reads->n_bytes = reads->n_bytes - n_bytes + read->n_bytes;
    return is_done;
}

static void on_turn(void *data)
{
    struct rm__slow_reads *reads = data;
    struct rm__slow_read *read = RM_LIST_ENTRY(reads->waiting.next, struct rm__slow_read, link);

    read->is_answered = read->is_answered || refuse(reads, read) || work(reads, read);
    if (read->is_answered && read->close(read)) {
        end(reads, read);
    } else {
        rm_list_remove(&read->link);
        rm_list_push_back(&reads->waiting, &read->link);
    }
    if (reads->n_waiting == 0) {
        rm_idle_stop(reads->idle);
    }
}

void rm__slow_reads_begin(struct rm__slow_reads *reads, struct rm__slow_read *read)
{
    if (read->work(read)) {
        read->free(read);
        return;
    }
    reads->n_ever++;
    if (reads->n_waiting == WAITING_MAX) {
        rm__reply_error(read->exchange, RM__OVERLOADED,
                        "%d reads that take long are under way; try again later", WAITING_MAX);
        read->free(read);
        return;
    }
    rm_list_push_back(&reads->waiting, &read->link);
    reads->n_waiting++;
    reads->n_bytes += read->n_bytes;
    rm_idle_start(reads->idle);
}

/* ---- life ---- */

int rm__slow_reads_init(struct rm__slow_reads *reads, struct rm_loop *loop, uint64_t max_bytes,
                        uint64_t (*kept_bytes)(void *data), void *data)
{
    *reads = (struct rm__slow_reads){
        .loop = loop, .max_bytes = max_bytes, .kept_bytes = kept_bytes, .data = data};
    rm_list_init(&reads->waiting);
    reads->idle = rm_idle_new(loop, on_turn, reads);
    return reads->idle == NULL ? RM_ENOMEM : 0;
}

void rm__slow_reads_done(struct rm__slow_reads *reads)
{
    while (reads->n_waiting > 0) {
        struct rm__slow_read *read = RM_LIST_ENTRY(reads->waiting.next, struct rm__slow_read, link);

        if (!read->is_answered) {
            rm__reply_error(read->exchange, RM__NO_LEADER, "The worker was stopped; try again");
        }
        end(reads, read);
    }
    rm_idle_free(reads->idle);
    reads->idle = NULL;
}
