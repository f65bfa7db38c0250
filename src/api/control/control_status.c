#include "control_status.h"

#include <jansson.h>
#include <stdlib.h>

#include "../status.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/version.h"

enum { BODY_BYTES_MAX = 16 << 20 };

/* The workers' answers on their way to one. Arrays are by peer. */
struct merge {
    const struct rm__cluster_view *view;
    const struct rm__fanout_answer *answers;
    size_t n;
    json_t **roots; /* the answers, read; NULL in the place of one that gave none */
    size_t *nexts;  /* the shard that is looked at next */
    json_t **tolds; /* scratch for one shard */
};

static void merge_done(struct merge *merge)
{
    for (size_t i = 0; merge->roots != NULL && i < merge->n; i++) {
        json_decref(merge->roots[i]);
    }
    free(merge->roots);
    free(merge->nexts);
    free(merge->tolds);
}

static int merge_init(struct merge *merge, const struct rm__cluster_view *view,
                      const struct rm__fanout_answer *answers, size_t n)
{
    *merge = (struct merge){.view = view, .answers = answers, .n = n};
    merge->roots = calloc(n, sizeof(json_t *));
    merge->nexts = calloc(n, sizeof *merge->nexts);
    merge->tolds = calloc(n, sizeof(json_t *));
    if (merge->roots == NULL || merge->nexts == NULL || merge->tolds == NULL) {
        merge_done(merge);
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (answers[i].error == 0 && answers[i].status == 200) {
            merge->roots[i] = json_loadb(answers[i].body, answers[i].body_len, 0, NULL);
        }
    }
    return 0;
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

static void write_workers(struct rm_json_writer *json, const struct merge *merge)
{
    rm_json_key(json, "workers");
    rm_json_array_begin(json);
    for (size_t i = 0; i < merge->n; i++) {
        const json_t *self = json_array_get(json_object_get(merge->roots[i], "workers"), 0);

        if (self == NULL) {
            write_unreachable(json, merge->answers[i].peer);
        } else {
            write_raw(json, self);
        }
    }
    rm_json_array_end(json);
}

/* What a worker told of @shard, NULL where it told nothing. Workers tell their shards in ascending
 * order, and are asked in that order: @next is where to go on. */
static json_t *told_of(const json_t *root, uint32_t shard, size_t *next)
{
    const json_t *shards = json_object_get(root, "shards");

    while (*next < json_array_size(shards)) {
        json_t *told = json_array_get(shards, *next);
        json_int_t id = json_integer_value(json_object_get(told, "id"));

        if (id >= shard) {
            return id == shard ? told : NULL;
        }
        (*next)++;
    }
    return NULL;
}

/* The object of @worker in a list of @told, a worker's word on a shard: in "replicas" its own, in
 * "members" what the leader knows of each. NULL: there is none. */
static json_t *find(const json_t *told, const char *list, uint32_t worker)
{
    size_t i;
    json_t *object;

    json_array_foreach(json_object_get(told, list), i, object)
    {
        if (json_integer_value(json_object_get(object, "worker")) == worker) {
            return object;
        }
    }
    return NULL;
}

/* What the workers told of one shard. */
struct shard_said {
    uint32_t shard;
    json_t **tolds; /* by peer; NULL where it told nothing */
    json_int_t term;
    const json_t *of_leader;  /* the leader's word; NULL: none */
    const json_t *last_index; /* of the leader's log; NULL: not known */
};

static void collect(struct shard_said *said, const struct merge *merge, uint32_t shard)
{
    const struct rm__peer *leader = rm__cluster_view_leader(merge->view, shard);

    said->shard = shard;
    said->term = 0;
    said->of_leader = NULL;
    said->last_index = NULL;
    for (size_t i = 0; i < merge->n; i++) {
        json_t *told = told_of(merge->roots[i], shard, &merge->nexts[i]);
        json_int_t term = json_integer_value(json_object_get(told, "term"));

        said->tolds[i] = told;
        said->term = term > said->term ? term : said->term;
        if (told != NULL && merge->answers[i].peer == leader) {
            const json_t *own = find(told, "replicas", leader->id);

            said->of_leader = told;
            said->last_index = json_object_get(own, "last_index");
        }
    }
}

/* The leader knows best how much of its log a replica has; how far behind what was applied is,
 * only both together tell. */
static void complete_replica(json_t *own, const struct shard_said *said, uint32_t worker)
{
    json_t *match = json_object_get(find(said->of_leader, "members", worker), "match_index");
    json_int_t last = json_integer_value(said->last_index);
    json_int_t applied = json_integer_value(json_object_get(own, "applied_index"));

    if (match != NULL) {
        (void)json_object_set(own, "match_index", match);
    }
    if (said->last_index != NULL) {
        (void)json_object_set_new(own, "lag", json_integer(last > applied ? last - applied : 0));
    }
}

/* All that is known of a replica whose worker does not answer is what the leader says of it. */
static void write_unreachable_replica(struct rm_json_writer *json, const struct shard_said *said,
                                      uint32_t worker)
{
    const json_t *match = json_object_get(find(said->of_leader, "members", worker), "match_index");

    rm_json_object_begin(json);
    rm_json_member_uint(json, "worker", worker);
    rm_json_member_text(json, "role", rm_slice_of("unreachable"));
    if (match != NULL) {
        rm_json_member_int(json, "match_index", json_integer_value(match));
    }
    rm_json_object_end(json);
}

/* Does @peer, which did not answer, hold the shard? By the map, or by what the leader says. */
static bool holds(const struct merge *merge, const struct shard_said *said,
                  const struct rm__peer *peer)
{
    return find(said->of_leader, "members", peer->id) != NULL ||
           (merge->view->map.n_shards > 0 &&
            rm__cluster_view_holds(merge->view, peer, said->shard));
}

static void write_replicas(struct rm_json_writer *json, const struct merge *merge,
                           const struct shard_said *said)
{
    rm_json_key(json, "replicas");
    rm_json_array_begin(json);
    for (size_t i = 0; i < merge->n; i++) {
        const struct rm__peer *peer = merge->answers[i].peer;
        json_t *own = find(said->tolds[i], "replicas", peer->id);

        if (own != NULL) {
            complete_replica(own, said, peer->id);
            write_raw(json, own);
        } else if (merge->roots[i] == NULL && holds(merge, said, peer)) {
            write_unreachable_replica(json, said, peer->id);
        }
    }
    rm_json_array_end(json);
}

static void write_shard(struct rm_json_writer *json, const struct merge *merge,
                        const struct shard_said *said)
{
    const struct rm__peer *leader = rm__cluster_view_leader(merge->view, said->shard);

    rm_json_object_begin(json);
    rm_json_member_uint(json, "id", said->shard);
    rm_json_key(json, "leader");
    if (leader == NULL) {
        rm_json_null(json);
    } else {
        rm_json_uint(json, leader->id);
    }
    rm_json_member_int(json, "term", said->term);
    write_replicas(json, merge, said);
    rm_json_object_end(json);
}

static void write_shards(struct rm_json_writer *json, const struct merge *merge)
{
    struct shard_said said = {.tolds = merge->tolds};

    rm_json_key(json, "shards");
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < merge->view->n_shards; i++) {
        collect(&said, merge, i);
        write_shard(json, merge, &said);
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
    struct merge merge;
    struct rm_buffer body;
    struct rm_json_writer json;

    if (merge_init(&merge, figures->view, answers, n_answers) != 0) {
        rm__reply_out_of_memory(exchange);
        return;
    }
    rm_buffer_init(&body, BODY_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm__status_write_cluster(&json, &info);
    write_workers(&json, &merge);
    write_shards(&json, &merge);
    write_control(&json, figures);
    rm_json_object_end(&json);
    merge_done(&merge);
    rm__reply_written(exchange, 200, &json, &body);
}
