#include "control_status.h"

#include <jansson.h>
#include <stdlib.h>

#include "raftmetrics/base/version.h"
#include "raftmetrics/partitioning/shard_map.h"
#include "status.h"

enum { BODY_BYTES_MAX = 16 << 20 };

/* The workers' answers, read; NULL in the place of one that gave none. */
static json_t **read_roots(const struct rm__fanout_answer *answers, size_t n_answers)
{
    json_t **roots = calloc(n_answers, sizeof(json_t *));

    for (size_t i = 0; roots != NULL && i < n_answers; i++) {
        if (answers[i].error == 0 && answers[i].status == 200) {
            roots[i] = json_loadb(answers[i].body, answers[i].body_len, 0, NULL);
        }
    }
    return roots;
}

/* What a worker wrote holds integers and texts only, and is passed on as it is. */
static void write_raw(struct rm_json_writer *json, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text == NULL) {
        rm_json_null(json);
        return;
    }
    rm_json_raw(json, rm_slice_of(text));
    free(text);
}

static void write_unreachable(struct rm_json_writer *json, const struct rm__peer *peer)
{
    rm_json_object_begin(json);
    rm_json_member_uint(json, "id", peer->id);
    rm_json_member_text(json, "address", rm_slice_of(peer->address));
    rm_json_member_text(json, "state", rm_slice_of("unreachable"));
    rm_json_object_end(json);
}

static void write_workers(struct rm_json_writer *json, const struct rm__fanout_answer *answers,
                          json_t *const *roots, size_t n)
{
    rm_json_key(json, "workers");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n; i++) {
        const json_t *self = json_array_get(json_object_get(roots[i], "workers"), 0);

        if (self == NULL) {
            write_unreachable(json, answers[i].peer);
        } else {
            write_raw(json, self);
        }
    }
    rm_json_array_end(json);
}

/* What a worker told of @shard, NULL where it told nothing. Workers tell their shards in ascending
 * order, and are asked in that order: @next is where to go on. */
static const json_t *told_of(const json_t *root, uint32_t shard, size_t *next)
{
    const json_t *shards = json_object_get(root, "shards");

    while (*next < json_array_size(shards)) {
        const json_t *told = json_array_get(shards, *next);
        json_int_t id = json_integer_value(json_object_get(told, "id"));

        if (id >= shard) {
            return id == shard ? told : NULL;
        }
        (*next)++;
    }
    return NULL;
}

/* The replicas of @shard that the workers told of; *@ret_term is the newest of their terms. */
static void write_replicas(struct rm_json_writer *json, json_t *const *roots, size_t *nexts,
                           size_t n, uint32_t shard, json_int_t *ret_term)
{
    rm_json_key(json, "replicas");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n; i++) {
        const json_t *told = told_of(roots[i], shard, &nexts[i]);
        json_int_t term = json_integer_value(json_object_get(told, "term"));

        if (told != NULL) {
            *ret_term = term > *ret_term ? term : *ret_term;
            write_raw(json, json_array_get(json_object_get(told, "replicas"), 0));
        }
    }
    rm_json_array_end(json);
}

static void write_shard(struct rm_json_writer *json, const struct rm__cluster_view *view,
                        json_t *const *roots, size_t *nexts, size_t n, uint32_t shard)
{
    const struct rm__peer *leader = rm__cluster_view_leader(view, shard);
    json_int_t term = 0;

    rm_json_object_begin(json);
    rm_json_member_uint(json, "id", shard);
    rm_json_key(json, "leader");
    if (leader == NULL) {
        rm_json_null(json);
    } else {
        rm_json_uint(json, leader->id);
    }
    write_replicas(json, roots, nexts, n, shard, &term);
    rm_json_member_int(json, "term", term);
    rm_json_object_end(json);
}

static void write_shards(struct rm_json_writer *json, const struct rm__cluster_view *view,
                         json_t *const *roots, size_t *nexts, size_t n)
{
    rm_json_key(json, "shards");
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < view->n_shards; i++) {
        write_shard(json, view, roots, nexts, n, i);
    }
    rm_json_array_end(json);
}

static void write_control(struct rm_json_writer *json, const struct rm__control_figures *figures)
{
    rm_json_key(json, "control");
    rm_json_object_begin(json);
    rm_json_member_text(json, "version", rm_slice_of(RM_VERSION));
    rm_json_member_uint(json, "uptime_seconds", figures->uptime_seconds);
    rm_json_member_uint(json, "threads", figures->n_loops);
    rm_json_member_uint(json, "requests", figures->n_requests);
    rm_json_member_uint(json, "inflight", figures->n_inflight);
    rm_json_member_uint(json, "queue", figures->n_queued_bytes);
    rm_json_object_end(json);
}

void rm__control_status_reply(struct rm__exchange *exchange,
                              const struct rm__fanout_answer *answers, size_t n_answers,
                              const struct rm__control_figures *figures)
{
    struct rm__cluster_info info = {.name = figures->cluster_name,
                                    .fingerprint = figures->view->fingerprint,
                                    .n_shards = figures->view->n_shards,
                                    .n_workers = (uint32_t)figures->view->n_peers,
                                    .n_replicas = figures->view->n_replicas};
    json_t **roots = read_roots(answers, n_answers);
    size_t *nexts = calloc(n_answers, sizeof *nexts);
    struct rm_buffer body;
    struct rm_json_writer json;

    if (roots == NULL || nexts == NULL) {
        rm__reply_out_of_memory(exchange);
        goto out;
    }
    rm_buffer_init(&body, BODY_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm__status_write_cluster(&json, &info);
    write_workers(&json, answers, roots, n_answers);
    write_shards(&json, figures->view, roots, nexts, n_answers);
    write_control(&json, figures);
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
out:
    for (size_t i = 0; roots != NULL && i < n_answers; i++) {
        json_decref(roots[i]);
    }
    free(roots);
    free(nexts);
}
