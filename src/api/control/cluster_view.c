#include "cluster_view.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"

enum {
    /* A worker that composes large answers is busy, not lost. */
    POLL_TIMEOUT_MS = 3000,
    /* While a leader is sought. */
    FAST_POLL_MS = 100,
    /* A change of leaders takes 1 to 2 s where the logs are alike. Where they are not, only the
     * one that is ahead can win; should it have stood first, it stands again 2 to 4 s after the
     * loss. Who waits longer waits for more than that. */
    HOPELESS_MS = 6000,
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

/* Who holds which shard follows from the workers' ids; the fingerprint tells whether they are the
 * ids that the workers' own map was made of. */
static void compute_map(struct rm__cluster_view *view)
{
    char fingerprint[RM__FINGERPRINT_TEXT_LEN + 1] = "";
    uint32_t ids[RM_WORKERS_MAX];

    rm_shard_map_done(&view->map);
    if (view->n_peers > RM_WORKERS_MAX) {
        return;
    }
    for (size_t i = 0; i < view->n_peers; i++) {
        ids[i] = view->peers[i].id;
    }
    if (rm_shard_map_init(&view->map, ids, (uint32_t)view->n_peers, view->n_shards,
                          view->n_replicas) != 0) {
        return;
    }
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64,
             rm_shard_map_fingerprint(&view->map, rm_slice_of(view->options->cluster_name)));
    if (strcmp(fingerprint, view->fingerprint) != 0) {
        rm_shard_map_done(&view->map);
    }
}

static void set_leader(struct rm__cluster_view *view, uint32_t shard, struct rm__peer *leader)
{
    struct rm__leadership *leadership = &view->leaderships[shard];

    if (leadership->leader != NULL && leader == NULL) {
        leadership->since_ms = rm_loop_now_ms(view->loop);
    }
    leadership->leader = leader;
}

/* Takes over the map that a worker has. */
static int adopt(struct rm__cluster_view *view, const struct said *said)
{
    struct rm__leadership *leaderships = calloc((size_t)said->n_shards, sizeof *leaderships);
    char *header = format_header(RM__WIRE_CLUSTER_FIELD ": %s", said->fingerprint);

    if (leaderships == NULL || header == NULL) {
        free(leaderships);
        free(header);
        return RM_ENOMEM;
    }
    for (json_int_t i = 0; i < said->n_shards; i++) {
        leaderships[i].since_ms = rm_loop_now_ms(view->loop);
    }
    free(view->leaderships);
    free(view->headers[1]);
    view->leaderships = leaderships;
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

/* Does @peer's word that it leads in @term say more than is known? Of two leaders in one term the
 * known one stays: it was named by the other when that one had stepped down. Terms only grow, but
 * a shard whose leader does not come back may have been begun anew. */
static bool is_news(const struct rm__cluster_view *view, uint32_t shard, uint64_t term)
{
    const struct rm__leadership *known = &view->leaderships[shard];

    return term > known->term ||
           (known->leader == NULL &&
            (term == known->term || rm__cluster_view_is_hopeless(view, shard)));
}

/* True where a leader changed. */
static bool claim(struct rm__cluster_view *view, struct rm__peer *peer, uint32_t shard,
                  uint64_t term)
{
    struct rm__leadership *leadership = &view->leaderships[shard];

    if (!is_news(view, shard, term)) {
        return false;
    }
    leadership->term = term;
    if (leadership->leader == peer) {
        return false;
    }
    set_leader(view, shard, peer);
    return true;
}

/* What @peer leads now, and no more. True where a leader changed. */
static bool update_leaders(struct rm__cluster_view *view, struct rm__peer *peer,
                           const json_t *leads)
{
    bool is_listed[RM_SHARDS_MAX] = {false};
    bool has_changed = false;
    size_t i;
    json_t *led;

    json_array_foreach(leads, i, led)
    {
        const json_t *id = json_object_get(led, "shard");
        const json_t *term = json_object_get(led, "term");
        json_int_t shard = json_integer_value(id);

        if (json_is_integer(id) && shard >= 0 && shard < view->n_shards && json_is_integer(term) &&
            json_integer_value(term) > 0) {
            is_listed[shard] = true;
            has_changed = claim(view, peer, (uint32_t)shard, (uint64_t)json_integer_value(term)) ||
                          has_changed;
        }
    }
    for (uint32_t shard = 0; shard < view->n_shards; shard++) {
        if (view->leaderships[shard].leader == peer && !is_listed[shard]) {
            set_leader(view, shard, NULL);
            has_changed = true;
        }
    }
    return has_changed;
}

/* How often to ask: a leader that is sought, or an answer that is overdue, makes it urgent. */
static void set_pace(struct rm__cluster_view *view)
{
    bool is_urgent = view->n_shards == 0 || rm__cluster_view_count_leaderless(view) > 0;
    uint64_t timer_ms;

    for (size_t i = 0; i < view->n_peers; i++) {
        is_urgent = is_urgent || (view->peers[i].is_overdue && view->peers[i].is_up);
    }
    timer_ms = is_urgent && view->poll_ms > FAST_POLL_MS ? FAST_POLL_MS : view->poll_ms;
    if (timer_ms != view->timer_ms) {
        view->timer_ms = timer_ms;
        rm_timer_start(view->timer, timer_ms, timer_ms);
    }
}

static void changed(struct rm__cluster_view *view)
{
    set_pace(view);
    view->changed_cb(view->changed_data);
}

/* It leads nothing until it answers again. */
static void lose(struct rm__cluster_view *view, struct rm__peer *peer)
{
    if (!peer->is_up) {
        return;
    }
    peer->is_up = false;
    for (uint32_t i = 0; i < view->n_shards; i++) {
        if (view->leaderships[i].leader == peer) {
            set_leader(view, i, NULL);
        }
    }
    rm_log(RM_LOG_WARN, "worker is lost", rm_field_int("worker", peer->id),
           rm_field_text("address", peer->address));
    changed(view);
}

static void take_answer(struct rm__cluster_view *view, struct rm__peer *peer, json_t *root)
{
    struct said said;
    bool has_changed;

    if (!read_said(root, &said)) {
        warn(peer, "worker answered what is not a shard map: check worker_hosts", "");
        lose(view, peer);
        return;
    }
    if (!peer->is_up) {
        if (!accept_peer(view, peer, &said)) {
            return;
        }
        peer->id = (uint32_t)said.worker;
        compute_map(view);
        rm_log(RM_LOG_INFO, "worker is up", rm_field_int("worker", peer->id),
               rm_field_text("address", peer->address));
    } else if (strcmp(said.fingerprint, view->fingerprint) != 0 || peer->id != said.worker) {
        lose(view, peer); /* another one at the same address */
        return;
    }
    has_changed = !peer->is_up;
    peer->is_up = true;
    peer->was_warned = false;
    has_changed = update_leaders(view, peer, said.leads) || has_changed;
    if (has_changed) {
        changed(view);
    }
}

/* ---- asking ---- */

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct rm__peer *peer = data;
    struct rm__cluster_view *view = peer->view;
    json_t *root;

    peer->is_asked = false;
    peer->is_overdue = false;
    if (answer->error == RM_ECANCELED) {
        return;
    }
    if (answer->error != 0 || answer->status != 200) {
        if (answer->error == 0) {
            warn(peer, "worker refuses to talk: check cluster_secret",
                 answer->status == 401 ? "401" : "");
        }
        lose(view, peer);
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
        peer->is_overdue = true;
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
    set_pace(view);
}

/* ---- the view ---- */

struct rm__peer *rm__cluster_view_leader(const struct rm__cluster_view *view, uint32_t shard)
{
    return shard < view->n_shards ? view->leaderships[shard].leader : NULL;
}

bool rm__cluster_view_is_hopeless(const struct rm__cluster_view *view, uint32_t shard)
{
    return rm__cluster_view_leader(view, shard) == NULL &&
           (shard >= view->n_shards ||
            rm_loop_now_ms(view->loop) - view->leaderships[shard].since_ms > HOPELESS_MS);
}

bool rm__cluster_view_leads(const struct rm__cluster_view *view, const struct rm__peer *peer)
{
    for (uint32_t i = 0; i < view->n_shards; i++) {
        if (view->leaderships[i].leader == peer) {
            return true;
        }
    }
    return false;
}

bool rm__cluster_view_holds(const struct rm__cluster_view *view, const struct rm__peer *peer,
                            uint32_t shard)
{
    const struct rm_shard_placement *placement;

    if (shard >= view->map.n_shards) {
        return true;
    }
    placement = &view->map.shards[shard];
    for (uint32_t i = 0; i < placement->n_replicas; i++) {
        if (placement->workers[i] == peer->id) {
            return true;
        }
    }
    return false;
}

static struct rm__peer *find_up(const struct rm__cluster_view *view, const char *address)
{
    for (size_t i = 0; address != NULL && i < view->n_peers; i++) {
        if (view->peers[i].is_up && strcmp(view->peers[i].address, address) == 0) {
            return &view->peers[i];
        }
    }
    return NULL;
}

/* @peer does not lead @shard; @body may name who does. */
static void depose(struct rm__cluster_view *view, struct rm__peer *peer, uint32_t shard,
                   struct rm_slice body)
{
    struct rm__peer *leader;
    json_t *root;

    if (rm__cluster_view_leader(view, shard) != peer) {
        return; /* somebody else was found meanwhile */
    }
    root = json_loadb(body.data == NULL ? "" : body.data, body.len, 0, NULL);
    leader = find_up(view, json_string_value(json_object_get(root, "leader")));
    json_decref(root);
    /* The term is not known; it is the old one's until the new leader tells its own. */
    set_leader(view, shard, leader == peer ? NULL : leader);
    changed(view);
}

void rm__cluster_view_learn(struct rm__peer *peer, uint32_t shard, enum rm__verdict verdict,
                            struct rm_slice body)
{
    switch (verdict) {
    case RM__VERDICT_ELSEWHERE:
        depose(peer->view, peer, shard, body);
        break;
    case RM__VERDICT_GONE:
        lose(peer->view, peer);
        break;
    case RM__VERDICT_UNKNOWN:
        ask(peer); /* is it still there? */
        break;
    default:
        break;
    }
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
                                      .poll_ms = poll_ms,
                                      .timer_ms = poll_ms,
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
    free(view->leaderships);
    rm_shard_map_done(&view->map);
    free(view->headers[0]);
    free(view->headers[1]);
    *view = (struct rm__cluster_view){0};
}
