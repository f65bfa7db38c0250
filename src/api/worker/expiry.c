#include "expiry.h"

#include "raftmetrics/base/error.h"
#include "raftmetrics/proto/write_batch.h"

/* Series that are looked at, and chunks that are found, before others have their turn: a
 * millisecond or two, and no more than one entry takes. */
enum { SLICE_WORK = 4096 };

/* Is there anything to look for? */
static bool begin(struct rm__expiry *expiry, const struct rm_store *store, uint64_t now_ms,
                  int64_t time_ms, uint64_t interval_ms)
{
    uint64_t hash;

    if (now_ms < expiry->begin_ms) {
        return false;
    }
    expiry->begin_ms = now_ms + interval_ms;
    hash = rm_store_hash(store);
    if (expiry->was_searched && hash == expiry->store_hash && time_ms < expiry->due_ms) {
        return false;
    }
    expiry->search = (struct rm_expiry_search){0};
    expiry->is_searching = true;
    expiry->was_searched = false;
    expiry->store_hash = hash;
    return true;
}

static int append_all(const struct rm_expiry *found, size_t n, struct rm_buffer *batch)
{
    int rv = 0;

    for (size_t i = 0; i < n && rv == 0; i++) {
        const struct rm_batch_expiry expiry = {found[i].metric_name, found[i].first_series,
                                               found[i].n_series};

        rv = rm_write_batch_append_expiry(batch, &expiry);
    }
    return rv;
}

/* Of a metric that is not looked through, those behind what was found are going to close up. */
static void stand_where_it_closes_up(struct rm_expiry_search *search, const struct rm_expiry *found,
                                     size_t n)
{
    if (n > 0 && search->series > found[n - 1].first_series) {
        search->series = found[n - 1].first_series;
    }
}

int rm__expiry_step(struct rm__expiry *expiry, const struct rm_store *store, uint64_t now_ms,
                    int64_t time_ms, uint64_t interval_ms, struct rm_buffer *batch)
{
    struct rm_expiry found[RM_EXPIRIES_MAX];
    size_t n;
    int rv;

    if (!expiry->is_searching && !begin(expiry, store, now_ms, time_ms, interval_ms)) {
        return 0;
    }
    rm_store_find_expired(store, time_ms, SLICE_WORK, &expiry->search, found, &n);
    rv = append_all(found, n, batch);
    if (n > 0) {
        expiry->search.due_ms = INT64_MIN; /* what is proposed may come to nothing */
    }
    stand_where_it_closes_up(&expiry->search, found, n);
    if (rv != 0 || expiry->search.is_done) {
        expiry->is_searching = false;
        expiry->was_searched = rv == 0;
        expiry->due_ms = expiry->search.due_ms;
    }
    return rv;
}
