/* What this worker leads, listed by name: GET /metrics as JSON. */
#include <stdlib.h>

#include "../listing.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name.h"
#include "worker_internal.h"

enum {
    INFOS_BYTES_MAX = 1 << 30,
    /* A slice: so many metrics are listed, or taken into the order of a store that was never listed
     * before. Some 1 ms either. */
    SLICE_METRICS = 500,
    SLICE_ORDERING = 300,
};

/* A listing under way. */
struct list {
    struct rm__slow_read read;
    struct rm_worker *worker;
    struct rm__read_query query; /* of what is left */
    char after[RM_METRIC_NAME_MAX];
    struct rm__shard_set shards; /* that it lists */
    bool has_begun;
    size_t limit; /* of all */
    struct rm_buffer page;
};

/* ---- a slice of it ---- */

/* Appends to @infos the metrics of one shard, at most @limit. */
static int list_shard(struct rm__shard *shard, const struct rm__read_query *query, size_t limit,
                      struct rm_buffer *infos, bool *has_more)
{
    struct rm_metric_info *room;
    size_t n;
    bool more;
    int rv = rm_buffer_reserve(infos, limit * sizeof *room);

    if (rv != 0) {
        return rv;
    }
    room = (struct rm_metric_info *)(void *)(infos->data + infos->len);
    rv = rm_store_list(rm__shard_store(shard), query->prefix, query->after, limit, SLICE_ORDERING,
                       room, &n, &more);
    if (rv == 0) {
        infos->len += n * sizeof *room;
        *has_more = *has_more || more;
    }
    return rv;
}

static int compare_infos(const void *a, const void *b)
{
    return rm_slice_compare(((const struct rm_metric_info *)a)->name,
                            ((const struct rm_metric_info *)b)->name);
}

/* The next metrics of all shards, at most @limit, in order. Errors: RM_EBUSY (some store is not in
 * order yet); RM_ENOMEM. */
static int list_shards(const struct list *list, size_t limit, struct rm_buffer *infos,
                       size_t *ret_n, bool *ret_has_more)
{
    int rv = 0;
    size_t n;

    *ret_has_more = false;
    for (uint32_t i = 0; rv == 0 && i < list->worker->options.n_shards; i++) {
        if (rm__shard_set_has(&list->shards, i)) {
            rv = list_shard(rm__worker_shard(list->worker, i), &list->query, limit, infos,
                            ret_has_more);
        }
    }
    n = infos->len / sizeof(struct rm_metric_info);
    if (rv == 0 && n > 0) {
        qsort(infos->data, n, sizeof(struct rm_metric_info), compare_infos);
    }
    *ret_n = n < limit ? n : limit;
    *ret_has_more = *ret_has_more || n > limit;
    return rv;
}

/* The name is the store's, which may change before the next slice. */
static void go_on_behind(struct list *list, struct rm_slice name)
{
    memcpy(list->after, name.data, name.len);
    list->query.after = rm_slice_make(list->after, name.len);
}

static int list_slice(struct list *list, bool *ret_has_more)
{
    size_t left = list->query.limit;
    struct rm_buffer infos;
    size_t n;
    int rv;

    rm_buffer_init(&infos, INFOS_BYTES_MAX);
    rv = list_shards(list, left < SLICE_METRICS ? left : SLICE_METRICS, &infos, &n, ret_has_more);
    if (rv == 0 && n > 0) {
        const struct rm_metric_info *sorted = (const struct rm_metric_info *)(void *)infos.data;

        for (size_t i = 0; rv == 0 && i < n; i++) {
            rv = rm__listing_add(&list->page, &sorted[i], list->worker->options.worker_id);
        }
        go_on_behind(list, sorted[n - 1].name);
        list->query.limit -= n;
    }
    rm_buffer_done(&infos);
    return rv;
}

/* ---- all of it ---- */

static void begin(struct list *list)
{
    rm_buffer_clear(&list->page);
    list->limit = list->query.limit;
    list->shards = rm__worker_led_shards(list->worker);
    list->has_begun = true;
}

/* What was listed of a shard that another worker leads by now may be listed there, too: all begins
 * again. False: the exchange is answered. */
static bool begin_if_needed(struct list *list)
{
    struct rm__shard_set led = rm__worker_led_shards(list->worker);

    if (list->has_begun && rm__shard_set_covers(&led, &list->shards)) {
        return true;
    }
    if (rm__worker_query(list->read.exchange, &list->query) != 0) {
        return false;
    }
    begin(list);
    return true;
}

/* Control merges the pages of all workers; who asks this worker alone is told of its own. */
static int reply(struct list *list, bool has_more)
{
    struct rm__exchange *exchange = list->read.exchange;
    struct rm__listing_page page;
    struct rm_buffer body;
    int rv = rm__listing_end(&list->page, &list->shards, has_more);

    if (rv != 0) {
        return rv;
    }
    if (exchange->is_internal) {
        rm__reply_bytes(exchange, 200, "text/plain", rm_buffer_peek(&list->page));
        return 0;
    }
    rm_buffer_init(&body, RM__ANSWER_BYTES_MAX);
    rv = rm__listing_read(rm_buffer_peek(&list->page), &page);
    if (rv == 0) {
        rv = rm__listing_merge(&page, 1, list->limit, &body);
    }
    if (rv == 0) {
        rm__reply_json(exchange, 200, &body);
    }
    rm_buffer_done(&body);
    return rv;
}

static bool work(struct rm__slow_read *read)
{
    struct list *list = (struct list *)read;
    bool has_more;
    int rv;

    if (!begin_if_needed(list)) {
        return true;
    }
    rv = list_slice(list, &has_more);
    if (rv == RM_EBUSY || (rv == 0 && has_more && list->query.limit > 0)) {
        read->n_bytes = list->page.capacity;
        return false;
    }
    if (rv == 0) {
        rv = reply(list, has_more);
    }
    if (rv != 0) {
        rm__reply_error(read->exchange, RM__OVERLOADED,
                        "Out of memory for this answer; ask for less");
    }
    return true;
}

static bool close_list(struct rm__slow_read *read)
{
    (void)read;
    return true;
}

static void free_list(struct rm__slow_read *read)
{
    struct list *list = (struct list *)read;

    rm_buffer_done(&list->page);
    free(list);
}

static void list_led(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct list *list = calloc(1, sizeof *list);

    if (list == NULL) {
        rm__reply_out_of_memory(exchange);
        return;
    }
    list->worker = worker;
    list->read = (struct rm__slow_read){
        .exchange = exchange, .work = work, .close = close_list, .free = free_list};
    rm_buffer_init(&list->page, RM__ANSWER_BYTES_MAX);
    rm__slow_reads_begin(&worker->slow_reads, &list->read);
}

/* ---- a linearizable one ---- */

/* Each shard that was led when it came is to say that it still is. One that
 * is led only since then has had a barrier since then. */
struct barriers {
    struct rm_worker *worker;
    struct rm__exchange *exchange;
    size_t n_pending;
    int status; /* the first that was none of success */
};

static void on_shard_listable(int status, void *data)
{
    struct barriers *barriers = data;

    if (barriers->status == 0) {
        barriers->status = status;
    }
    if (--barriers->n_pending > 0) {
        return;
    }
    if (barriers->status == 0) {
        list_led(barriers->worker, barriers->exchange);
    } else {
        rm__worker_reply_unreadable(barriers->exchange, barriers->status);
    }
    free(barriers);
}

static void list_linearizable(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct barriers *barriers = malloc(sizeof *barriers);

    if (barriers == NULL) {
        rm__worker_reply_unreadable(exchange, RM_ENOMEM);
        return;
    }
    *barriers = (struct barriers){.worker = worker, .exchange = exchange, .n_pending = 1};
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;
        struct rm__shard *shard = rm__worker_led_shard(worker, i, &leader);

        if (shard != NULL) {
            barriers->n_pending++;
            rm_replica_read(rm__shard_replica(shard), RM_READ_LINEARIZABLE, on_shard_listable,
                            barriers);
        }
    }
    on_shard_listable(0, barriers); /* for this function itself */
}

void rm__worker_list(void *data, struct rm__exchange *exchange)
{
    struct rm__read_query query;

    if (rm__worker_query(exchange, &query) != 0) {
        return;
    }
    if (query.level == RM_READ_LINEARIZABLE) {
        list_linearizable(data, exchange);
    } else {
        list_led(data, exchange);
    }
}
