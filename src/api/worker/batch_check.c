#include "batch_check.h"

#include <math.h>

#include "../write.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/timestamp.h"
#include "raftmetrics/metrics/name.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "raftmetrics/proto/write_batch.h"

struct home {
    uint32_t shard;
    uint32_t n_shards;
};

static bool is_sample_valid(const struct rm_sample *sample)
{
    return rm_metric_name_is_valid(sample->metric_name) && isfinite(sample->value) &&
           sample->timestamp_ms >= RM_TIMESTAMP_MIN_MS &&
           sample->timestamp_ms <= RM_TIMESTAMP_MAX_MS &&
           rm_labels_are_canonical(sample->labels, sample->n_labels);
}

/* What landed in the wrong shard would be recorded and never read. */
static bool is_ours(const struct home *home, struct rm_slice metric_name)
{
    return rm_shard_of(metric_name, home->n_shards) == home->shard;
}

static bool is_write_valid(const struct home *home, const struct rm_write *write)
{
    if (write->delete_metric.data != NULL &&
        !(rm_metric_name_is_valid(write->delete_metric) && is_ours(home, write->delete_metric))) {
        return false;
    }
    for (size_t i = 0; i < write->n_samples; i++) {
        if (!is_sample_valid(&write->samples[i]) || !is_ours(home, write->samples[i].metric_name)) {
            return false;
        }
    }
    return true;
}

static bool is_batch_valid(const struct home *home, const struct rm_write_batch *batch)
{
    for (size_t i = 0; i < batch->n_writes; i++) {
        if (!is_write_valid(home, &batch->writes[i])) {
            return false;
        }
    }
    return batch->n_writes > 0 && batch->n_writes <= RM__APPEND_WRITES_MAX && !batch->has_config &&
           batch->new_series == RM_OUTCOME_DONE && batch->n_expiries == 0;
}

static bool has_samples(const struct rm_write_batch *batch)
{
    for (size_t i = 0; i < batch->n_writes; i++) {
        if (batch->writes[i].n_samples > 0) {
            return true;
        }
    }
    return false;
}

int rm__batch_check(struct rm_slice bytes, uint32_t shard, uint32_t n_shards, bool *ret_has_samples)
{
    const struct home home = {shard, n_shards};
    struct rm_write_batch batch;
    int rv = rm_write_batch_decode(bytes, &batch);

    if (rv != 0) {
        return rv == RM_ENOMEM ? RM_ENOMEM : RM_EINVAL;
    }
    rv = is_batch_valid(&home, &batch) ? 0 : RM_EINVAL;
    if (rv == 0) {
        *ret_has_samples = has_samples(&batch);
    }
    rm_write_batch_done(&batch);
    return rv;
}
