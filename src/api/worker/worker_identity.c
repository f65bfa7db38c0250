/* Who a worker is: out of its configuration, and as its data directory has it. */
#include <inttypes.h>
#include <stdio.h>

#include "raftmetrics/base/error.h"
#include "worker_internal.h"

int rm__worker_init_map(struct rm_worker *worker)
{
    const struct rm_api_options *api = &worker->options.api;
    bool is_member = false;
    int rv;

    if (api->n_workers > RM_WORKERS_MAX) {
        return RM_EINVAL;
    }
    for (size_t i = 0; i < api->n_workers; i++) {
        worker->worker_ids[i] = api->workers[i].id;
        is_member = is_member || worker->worker_ids[i] == worker->options.worker_id;
    }
    if (!is_member) {
        return RM_EINVAL;
    }
    rv = rm_shard_map_init(&worker->map, worker->worker_ids, (uint32_t)api->n_workers,
                           worker->options.n_shards, worker->options.n_replicas);
    if (rv == 0) {
        snprintf(worker->fingerprint, sizeof worker->fingerprint, "%016" PRIx64,
                 rm_shard_map_fingerprint(&worker->map, rm_slice_of(api->cluster_name)));
    }
    return rv;
}

int rm__worker_load_file(struct rm_worker *worker, char ret_sentence[RM__SENTENCE_MAX])
{
    struct rm__cluster_identity identity = {
        .name = worker->options.api.cluster_name,
        .fingerprint = worker->fingerprint,
        .worker = worker->options.worker_id,
        .n_shards = worker->options.n_shards,
        .n_replicas = worker->options.n_replicas,
        .workers = worker->worker_ids,
        .n_workers = (uint32_t)worker->options.api.n_workers,
    };
    int rv = rm__cluster_file_init(&worker->file, worker->options.data_dir, &identity);

    if (rv != 0) {
        snprintf(ret_sentence, RM__SENTENCE_MAX, "%s", rm_strerror(rv));
        return rv;
    }
    return rm__cluster_file_load(&worker->file, ret_sentence);
}
