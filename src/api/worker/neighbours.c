#include "neighbours.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../wire.h"
#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"

enum {
    ASK_PERIOD_MS = 150,
    TIMEOUT_MS = 3000, /* a worker that composes large answers is busy, not gone */
    URL_MAX = 512,
    ANSWER_BYTES_MAX = 1 << 20,
    HEADER_BYTES_MAX = 64 << 10,
};

static struct rm__neighbour *find(struct rm__neighbours *neighbours, uint32_t id)
{
    for (size_t i = 0; i < neighbours->n; i++) {
        if (neighbours->each[i].id == id) {
            return &neighbours->each[i];
        }
    }
    return NULL;
}

/* ---- what one says ---- */

static void warn(struct rm__neighbour *neighbour, const char *message)
{
    if (!neighbour->was_warned) {
        neighbour->was_warned = true;
        rm_log(RM_LOG_WARN, message, rm_field_int("worker", neighbour->id),
               rm_field_text("address", neighbour->address));
    }
}

static bool lists(const json_t *ids, uint32_t id)
{
    size_t i;
    json_t *each;

    json_array_foreach(ids, i, each)
    {
        if (json_integer_value(each) == id) {
            return true;
        }
    }
    return false;
}

static void take_leads(struct rm__neighbour *neighbour, const json_t *leads)
{
    uint32_t n_shards = neighbour->neighbours->n_shards;
    size_t i;
    json_t *led;

    memset(neighbour->led_terms, 0, n_shards * sizeof *neighbour->led_terms);
    json_array_foreach(leads, i, led)
    {
        json_int_t shard = json_integer_value(json_object_get(led, "shard"));
        json_int_t term = json_integer_value(json_object_get(led, "term"));

        if (json_is_integer(json_object_get(led, "shard")) && shard >= 0 && shard < n_shards &&
            term > 0) {
            neighbour->led_terms[shard] = (uint64_t)term;
        }
    }
}

static void take_answer(struct rm__neighbour *neighbour, json_t *root)
{
    const char *fingerprint;
    json_int_t worker;
    json_t *met;
    json_t *leads;

    if (json_unpack(root, "{s:{s:s}, s:I, s:o, s:o}", "cluster", "fingerprint", &fingerprint,
                    "worker", &worker, "met", &met, "leads", &leads) != 0) {
        warn(neighbour, "what answers there is not a worker: check worker_hosts");
        return;
    }
    if (strcmp(fingerprint, neighbour->neighbours->fingerprint) != 0) {
        warn(neighbour, "that worker has another cluster_name, n_shards, replicas or worker_hosts "
                        "than this one: make them equal");
        return;
    }
    if (worker != neighbour->id) {
        warn(neighbour, "another worker answers there: check node_id and worker_hosts");
        return;
    }
    neighbour->was_warned = false;
    neighbour->has_answered = true;
    neighbour->is_up = true;
    neighbour->has_met_us = neighbour->has_met_us || lists(met, neighbour->neighbours->self);
    take_leads(neighbour, leads);
    neighbour->neighbours->answered_cb(neighbour->neighbours->answered_data);
}

static void on_cluster(const struct rm_http_answer *answer, void *data)
{
    struct rm__neighbour *neighbour = data;
    json_t *root;

    neighbour->is_asked = false;
    neighbour->is_up = false;
    if (answer->error != 0) {
        return;
    }
    if (answer->status != 200) {
        warn(neighbour, answer->status == 401
                            ? "that worker refuses to talk: check cluster_secret"
                            : "what answers there is not a worker: check worker_hosts");
        return;
    }
    root = json_loadb(answer->body.data, answer->body.len, 0, NULL);
    take_answer(neighbour, root);
    json_decref(root);
}

/* ---- asking ---- */

static int send_to(struct rm__neighbour *neighbour, const char *method, const char *target,
                   rm_http_answer_cb cb, void *data)
{
    struct rm__neighbours *neighbours = neighbour->neighbours;
    const char *headers[] = {neighbours->headers[0], neighbours->headers[1]};
    char url[URL_MAX];
    struct rm_http_call call = {
        .method = method,
        .url = url,
        .headers = headers,
        .n_headers = sizeof headers / sizeof headers[0],
        .timeout_ms = TIMEOUT_MS,
        .max_answer_bytes = ANSWER_BYTES_MAX,
    };

    snprintf(url, sizeof url, "http://%s%s", neighbour->address, target);
    return rm_http_client_send(neighbours->client, &call, cb, data);
}

void rm__neighbours_ask(struct rm__neighbours *neighbours)
{
    uint64_t now_ms = rm_loop_now_ms(neighbours->loop);

    if (neighbours->asked_at_ms != 0 && now_ms - neighbours->asked_at_ms < ASK_PERIOD_MS) {
        return;
    }
    neighbours->asked_at_ms = now_ms;
    for (size_t i = 0; i < neighbours->n; i++) {
        struct rm__neighbour *neighbour = &neighbours->each[i];

        if (!neighbour->is_asked) {
            neighbour->is_asked =
                send_to(neighbour, "GET", RM__WIRE_CLUSTER_PATH, on_cluster, neighbour) == 0;
        }
    }
}

int rm__neighbours_send(struct rm__neighbours *neighbours, uint32_t worker, const char *method,
                        const char *target, rm_http_answer_cb cb, void *data)
{
    struct rm__neighbour *neighbour = find(neighbours, worker);

    return neighbour == NULL ? RM_ENOTFOUND : send_to(neighbour, method, target, cb, data);
}

uint32_t rm__neighbours_leader(const struct rm__neighbours *neighbours, uint32_t shard,
                               uint64_t *ret_term)
{
    uint64_t newest = 0;
    uint32_t leader = 0;

    for (size_t i = 0; i < neighbours->n; i++) {
        if (neighbours->each[i].led_terms[shard] > newest) {
            newest = neighbours->each[i].led_terms[shard];
            leader = neighbours->each[i].id;
        }
    }
    *ret_term = newest;
    return leader;
}

bool rm__neighbours_is_up(const struct rm__neighbours *neighbours, uint32_t worker)
{
    for (size_t i = 0; i < neighbours->n; i++) {
        if (neighbours->each[i].id == worker) {
            return neighbours->each[i].is_up;
        }
    }
    return false;
}

void rm__neighbours_forget_leader(struct rm__neighbours *neighbours, uint32_t shard,
                                  uint32_t worker)
{
    struct rm__neighbour *neighbour = find(neighbours, worker);

    if (neighbour != NULL) {
        neighbour->led_terms[shard] = 0;
    }
}

/* ---- life ---- */

static char *format_header(const char *format, const char *value)
{
    struct rm_buffer text;

    rm_buffer_init(&text, HEADER_BYTES_MAX);
    if (rm_buffer_printf(&text, format, value) != 0 || rm_buffer_append_byte(&text, '\0') != 0) {
        rm_buffer_done(&text);
        return NULL;
    }
    return rm_buffer_take(&text);
}

static int init_each(struct rm__neighbours *neighbours, const struct rm_api_options *options)
{
    neighbours->each = calloc(options->n_workers, sizeof *neighbours->each);
    if (neighbours->each == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < options->n_workers; i++) {
        struct rm__neighbour *neighbour = &neighbours->each[neighbours->n];

        if (options->workers[i].id == neighbours->self) {
            continue;
        }
        *neighbour = (struct rm__neighbour){.neighbours = neighbours,
                                            .id = options->workers[i].id,
                                            .address = options->workers[i].address};
        neighbour->led_terms = calloc(neighbours->n_shards, sizeof *neighbour->led_terms);
        if (neighbour->led_terms == NULL) {
            return RM_ENOMEM;
        }
        neighbours->n++;
    }
    return 0;
}

int rm__neighbours_init(struct rm__neighbours *neighbours, struct rm_loop *loop,
                        const struct rm_api_options *options, const char *fingerprint,
                        uint32_t self, uint32_t n_shards, rm_loop_cb answered_cb,
                        void *answered_data)
{
    *neighbours = (struct rm__neighbours){.loop = loop,
                                          .fingerprint = fingerprint,
                                          .self = self,
                                          .n_shards = n_shards,
                                          .answered_cb = answered_cb,
                                          .answered_data = answered_data};
    neighbours->client = rm_http_client_new(loop);
    neighbours->headers[0] = format_header("Authorization: Cluster %s", options->cluster_secret);
    neighbours->headers[1] = format_header(RM__WIRE_CLUSTER_FIELD ": %s", fingerprint);
    if (neighbours->client == NULL || neighbours->headers[0] == NULL ||
        neighbours->headers[1] == NULL || init_each(neighbours, options) != 0) {
        rm__neighbours_done(neighbours);
        return RM_ENOMEM;
    }
    return 0;
}

void rm__neighbours_done(struct rm__neighbours *neighbours)
{
    rm_http_client_free(neighbours->client);
    for (size_t i = 0; i < neighbours->n; i++) {
        free(neighbours->each[i].led_terms);
    }
    free(neighbours->each);
    free(neighbours->headers[0]);
    free(neighbours->headers[1]);
    *neighbours = (struct rm__neighbours){0};
}
