#include "cluster_view.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/partitioning/shard_map.h"

enum {
    /* A worker that composes large answers is busy, not lost. */
    POLL_TIMEOUT_MS = 3000,
    URL_MAX = 512,
    ANSWER_BYTES_MAX = 1 << 20
};

/* ---- what a worker says ---- */

struct said {
    const char *cluster_name;
    const char *fingerprint;
    json_int_t n_shards;
    json_int_t n_replicas;
    json_int_t worker;
    json_t *leads;
};

static bool read_said(json_t *root, struct said *ret_said)
{
    return json_unpack(root, "{s:{s:s, s:s, s:I, s:I}, s:I, s:o}", "cluster", "name",
                       &ret_said->cluster_name, "fingerprint", &ret_said->fingerprint, "shards",
                       &ret_said->n_shards, "replicas", &ret_said->n_replicas, "worker",
                       &ret_said->worker, "leads", &ret_said->leads) == 0 &&
           ret_said->n_shards > 0 && ret_said->n_shards <= RM_SHARDS_MAX && ret_said->worker > 0 &&
           ret_said->worker <= UINT32_MAX &&
           strlen(ret_said->fingerprint) == RM__FINGERPRINT_TEXT_LEN;
}

static void warn(struct rm__peer *peer, const char *message, const char *detail)
{
    if (!peer->was_warned) {
        peer->was_warned = true;
        rm_log(RM_LOG_WARN, message, rm_field_text("address", peer->address),
               rm_field_text("detail", detail));
    }
}

static bool is_any_up(const struct rm__cluster_view *view)
{
    for (size_t i = 0; i < view->n_peers; i++) {
        if (view->peers[i].is_up) {
            return true;
        }
    }
    return false;
}

static char *format_header(const char *format, const char *value)
{
    struct rm_buffer text;

    rm_buffer_init(&text, 64 << 10);
    if (rm_buffer_printf(&text, format, value) != 0 || rm_buffer_append_byte(&text, '\0') != 0) {
        rm_buffer_done(&text);
        return NULL;
    }
    return rm_buffer_take(&text);
}

/* Takes over the map that a worker has. */
static int adopt(struct rm__cluster_view *view, const struct said *said)
{
    struct rm__peer **leaders = calloc((size_t)said->n_shards, sizeof *leaders);
    char *header = format_header(RM__WIRE_CLUSTER_FIELD ": %s", said->fingerprint);

    if (leaders == NULL || header == NULL) {
        free(leaders);
        free(header);
        return RM_ENOMEM;
    }
    free(view->leaders);
    free(view->headers[1]);
    view->leaders = leaders;
    view->headers[1] = header;
    view->n_shards = (uint32_t)said->n_shards;
    view->n_replicas = (uint32_t)said->n_replicas;
    memcpy(view->fingerprint, said->fingerprint, sizeof view->fingerprint);
    rm_log(RM_LOG_INFO, "shard map learned", rm_field_text("fingerprint", view->fingerprint),
           rm_field_int("shards", view->n_shards));
    return 0;
}

/* Is another address up under the same id? Then two workers were given one. */
static bool is_id_taken(const struct rm__cluster_view *view, const struct rm__peer *peer,
                        json_int_t id)
{
    for (size_t i = 0; i < view->n_peers; i++) {
        const struct rm__peer *other = &view->peers[i];

        if (other != peer && other->is_up && other->id == id) {
            return true;
        }
    }
    return false;
}

/* May the worker be written to? Adopts its map where there is none to compare with: a map is kept
 * as long as any worker is up that has it. */
static bool accept_peer(struct rm__cluster_view *view, struct rm__peer *peer,
                        const struct said *said)
{
    if (strcmp(said->cluster_name, view->options->cluster_name) != 0) {
        warn(peer, "worker belongs to another cluster: check cluster_name and worker_hosts",
             said->cluster_name);
        return false;
    }
    if (strcmp(said->fingerprint, view->fingerprint) != 0 && is_any_up(view)) {
        warn(peer,
             "worker has another shard map than the others: check its n_shards and worker_hosts",
             said->fingerprint);
        return false;
    }
    if (is_id_taken(view, peer, said->worker)) {
        warn(peer, "two workers have the same node_id: give each its own", peer->address);
        return false;
    }
    return strcmp(said->fingerprint, view->fingerprint) == 0 || adopt(view, said) == 0;
}

/* True where a leader changed. */
static bool update_leaders(struct rm__cluster_view *view, struct rm__peer *peer,
                           const json_t *leads)
{
    bool has_changed = false;
    size_t i;
    json_t *led;

    json_array_foreach(leads, i, led)
    {
        const json_t *shard = json_object_get(led, "shard");
        json_int_t id = json_integer_value(shard);

        if (json_is_integer(shard) && id >= 0 && id < view->n_shards && view->leaders[id] != peer) {
            view->leaders[id] = peer;
            has_changed = true;
        }
    }
    return has_changed;
}

static void take_answer(struct rm__cluster_view *view, struct rm__peer *peer, json_t *root)
{
    struct said said;
    bool has_changed;

    if (!read_said(root, &said)) {
        warn(peer, "worker answered what is not a shard map: check worker_hosts", "");
        rm__cluster_view_lost(view, peer);
        return;
    }
    if (!peer->is_up) {
        if (!accept_peer(view, peer, &said)) {
            return;
        }
        peer->id = (uint32_t)said.worker;
        rm_log(RM_LOG_INFO, "worker is up", rm_field_int("worker", peer->id),
               rm_field_text("address", peer->address));
    } else if (strcmp(said.fingerprint, view->fingerprint) != 0 || peer->id != said.worker) {
        rm__cluster_view_lost(view, peer); /* another one at the same address */
        return;
    }
    has_changed = !peer->is_up;
    peer->is_up = true;
    peer->was_warned = false;
    has_changed = update_leaders(view, peer, said.leads) || has_changed;
    if (has_changed) {
        view->changed_cb(view->changed_data);
    }
}

/* ---- asking ---- */

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct rm__peer *peer = data;
    struct rm__cluster_view *view = peer->view;
    json_t *root;

    peer->is_asked = false;
    if (answer->error == RM_ECANCELED) {
        return;
    }
    if (answer->error != 0 || answer->status != 200) {
        if (answer->error == 0) {
            warn(peer, "worker refuses to talk: check cluster_secret",
                 answer->status == 401 ? "401" : "");
        }
        rm__cluster_view_lost(view, peer);
        return;
    }
    root = json_loadb(answer->body.data, answer->body.len, 0, NULL);
    take_answer(view, peer, root);
    json_decref(root);
}

static void ask(struct rm__peer *peer)
{
    struct rm__cluster_view *view = peer->view;
    const char *headers[] = {view->headers[0]};
    char url[URL_MAX];
    struct rm_http_call call = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .n_headers = 1,
        .timeout_ms = POLL_TIMEOUT_MS,
        .max_answer_bytes = ANSWER_BYTES_MAX,
    };

    if (peer->is_asked) {
        return;
    }
    snprintf(url, sizeof url, "http://%s" RM__WIRE_CLUSTER_PATH, peer->address);
    peer->is_asked = rm_http_client_send(view->client, &call, on_answer, peer) == 0;
}

static void on_poll(void *data)
{
    struct rm__cluster_view *view = data;

    for (size_t i = 0; i < view->n_peers; i++) {
        ask(&view->peers[i]);
    }
}

/* ---- the view ---- */

struct rm__peer *rm__cluster_view_leader(const struct rm__cluster_view *view, uint32_t shard)
{
    struct rm__peer *leader = shard < view->n_shards ? view->leaders[shard] : NULL;

    return leader != NULL && leader->is_up ? leader : NULL;
}

bool rm__cluster_view_leads(const struct rm__cluster_view *view, const struct rm__peer *peer)
{
    for (uint32_t i = 0; i < view->n_shards; i++) {
        if (view->leaders[i] == peer) {
            return true;
        }
    }
    return false;
}

void rm__cluster_view_lost(struct rm__cluster_view *view, struct rm__peer *peer)
{
    if (!peer->is_up) {
        return;
    }
    peer->is_up = false;
    rm_log(RM_LOG_WARN, "worker is lost", rm_field_int("worker", peer->id),
           rm_field_text("address", peer->address));
    view->changed_cb(view->changed_data);
}

static bool says(struct rm_slice body, const char *word)
{
    return body.len > 0 && memmem(body.data, body.len, word, strlen(word)) != NULL;
}

bool rm__cluster_view_is_lost(const struct rm_http_answer *answer)
{
    if (answer->error != 0) {
        return answer->error == RM_ECONNECT || answer->error == RM_EUNKNOWN ||
               answer->error == RM_ETIMEDOUT;
    }
    return answer->status == 401 || answer->status == 409 || answer->status == 421 ||
           (answer->status == 503 && says(answer->body, "\"shutting_down\""));
}

uint32_t rm__cluster_view_count_leaderless(const struct rm__cluster_view *view)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < view->n_shards; i++) {
        n += rm__cluster_view_leader(view, i) == NULL;
    }
    return n;
}

int rm__cluster_view_init(struct rm__cluster_view *view, struct rm_loop *loop,
                          struct rm_http_client *client, const struct rm_api_options *options,
                          uint64_t poll_ms, rm_loop_cb changed_cb, void *changed_data)
{
    *view = (struct rm__cluster_view){.loop = loop,
                                      .client = client,
                                      .options = options,
                                      .n_peers = options->n_workers,
                                      .changed_cb = changed_cb,
                                      .changed_data = changed_data};
    view->peers = calloc(options->n_workers, sizeof *view->peers);
    view->timer = rm_timer_new(loop, on_poll, view);
    view->headers[0] = format_header("Authorization: Cluster %s", options->cluster_secret);
    if (view->peers == NULL || view->timer == NULL || view->headers[0] == NULL) {
        rm__cluster_view_done(view);
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < view->n_peers; i++) {
        view->peers[i] = (struct rm__peer){
            .view = view, .address = options->workers[i].address, .id = options->workers[i].id};
    }
    rm_timer_start(view->timer, 0, poll_ms);
    return 0;
}

void rm__cluster_view_done(struct rm__cluster_view *view)
{
    rm_timer_free(view->timer);
    free(view->peers);
    free(view->leaders);
    free(view->headers[0]);
    free(view->headers[1]);
    *view = (struct rm__cluster_view){0};
}
