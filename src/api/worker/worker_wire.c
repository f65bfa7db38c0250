/* What the other nodes of the cluster say to a worker, below /internal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "worker_internal.h"

bool rm__worker_admits(void *data, struct rm__exchange *exchange, struct rm__problem *ret_problem)
{
    const struct rm_worker *worker = data;
    struct rm_slice field = rm_http_request_header(exchange->http, RM__WIRE_CLUSTER_FIELD);

    /* Who asks for the map does not know it yet. */
    if (exchange->route->action == RM__ACTION_CLUSTER) {
        return true;
    }
    if (!worker->file.is_formed) {
        rm__problem_set(ret_problem, RM__NO_LEADER, "The cluster has not formed yet");
        return false;
    }
    if (rm_slice_is(field, worker->fingerprint)) {
        return true;
    }
    rm__problem_set(ret_problem, RM__WRONG_CLUSTER,
                    "This worker belongs to cluster \"%s\" with fingerprint %s; the sender has "
                    "another map",
                    worker->options.api.cluster_name, worker->fingerprint);
    return false;
}

/* ---- the cluster ---- */

static void write_leads(const struct rm_worker *worker, struct rm_json_writer *json)
{
    rm_json_key(json, "leads");
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < worker->options.n_shards; i++) {
        uint32_t leader;
        struct rm__shard *shard = rm__worker_led_shard(worker, i, &leader);
        struct rm_replica_status status;

        if (shard == NULL) {
            continue;
        }
        rm_replica_status(rm__shard_replica(shard), &status);
        rm_json_object_begin(json);
        rm_json_member_uint(json, "shard", i);
        rm_json_member_uint(json, "term", status.term);
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

static void write_met(const struct rm_worker *worker, struct rm_json_writer *json)
{
    rm_json_key(json, "met");
    rm_json_array_begin(json);
    for (uint32_t i = 0; i < worker->file.n_met; i++) {
        rm_json_uint(json, worker->file.met[i]);
    }
    rm_json_array_end(json);
}

/* The shard map as this worker sees it, and which shards it leads. */
static void reply_cluster(struct rm_worker *worker, struct rm__exchange *exchange)
{
    struct rm_buffer body;
    struct rm_json_writer json;

    rm_buffer_init(&body, RM__STATUS_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm__worker_write_cluster(worker, &json);
    rm_json_member_uint(&json, "worker", worker->options.worker_id);
    write_leads(worker, &json);
    write_met(worker, &json);
    rm_json_member_bool(&json, "formed", worker->file.is_formed);
    rm_json_member_bool(&json, "disk_low",
                        worker->host != NULL && rm_replica_host_is_disk_low(worker->host));
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
}

/* ---- parameters ---- */

/* False: answered. */
static bool read_shard(const struct rm_worker *worker, struct rm__exchange *exchange,
                       uint32_t *ret_shard)
{
    int64_t id;

    if (rm_int_parse(rm__params_get(&exchange->params, "shard"), 0,
                     (int64_t)worker->options.n_shards - 1, &id) != 0) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER, "shard is not one of this cluster");
        return false;
    }
    *ret_shard = (uint32_t)id;
    return true;
}

/* False: answered. */
static bool read_session(struct rm__exchange *exchange, struct rm_session *ret_session)
{
    struct rm_slice text = rm__params_get(&exchange->params, "session");

    if (rm__session_parse(text, ret_session) == 0) {
        return true;
    }
    rm__reply_error(exchange, RM__INVALID_PARAMETER, "session must be %d hex digits, not all zero",
                    RM__SESSION_TEXT_LEN);
    return false;
}

/* Session and sequence stand together or not at all. False: answered. */
static bool read_sequence(struct rm__exchange *exchange, struct rm_session *ret_session,
                          uint64_t *ret_sequence)
{
    struct rm_slice sequence_text = rm__params_get(&exchange->params, "sequence");
    int64_t sequence;

    *ret_session = (struct rm_session){0};
    *ret_sequence = 0;
    if (sequence_text.data == NULL && rm__params_get(&exchange->params, "session").data == NULL) {
        return true;
    }
    if (!read_session(exchange, ret_session)) {
        return false;
    }
    if (rm_int_parse(sequence_text, 1, INT64_MAX, &sequence) != 0) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER, "sequence must be at least 1");
        return false;
    }
    *ret_sequence = (uint64_t)sequence;
    return true;
}

/* The leader's replica of @shard. NULL: answered. */
static struct rm__shard *find_led(const struct rm_worker *worker, struct rm__exchange *exchange,
                                  uint32_t shard)
{
    uint32_t leader;
    struct rm__shard *led = rm__worker_led_shard(worker, shard, &leader);

    if (led == NULL) {
        rm__worker_reply_not_leader(worker, exchange, leader);
    }
    return led;
}

/* ---- entries ---- */

/* Nothing was done, and @error says why. */
static void reply_refused(struct rm__exchange *exchange, int error)
{
    switch (error) {
    case RM_EINVAL:
        rm__reply_error(exchange, RM__INVALID_BODY, "The body is not a valid WriteBatch");
        break;
    case RM_ETOOBIG:
        rm__reply_error(exchange, RM__BODY_TOO_LARGE, "The batch is larger than an entry may be");
        break;
    case RM_ENOTLEADER:
        rm__reply_error(exchange, RM__NO_LEADER, "The shard's leader was lost");
        break;
    case RM_ENOSPACE:
        rm__reply_error(exchange, RM__DISK_LOW,
                        "The disk has less free space than min_free_disk_bytes");
        break;
    case RM_EFULL:
        rm__reply_error(exchange, RM__SHARD_FULL, "The shard holds as much as it may");
        break;
    case RM_ESESSION:
        rm__reply_error(exchange, RM__UNKNOWN_SESSION, "The session is not open in this shard");
        break;
    case RM_ESTALE:
        rm__reply_error(exchange, RM__STALE_SEQUENCE,
                        "The session has gone on to later sequence numbers");
        break;
    default:
        rm__reply_error(exchange, RM__OVERLOADED, "%s", rm_strerror(error));
        break;
    }
}

static void on_appended(int status, struct rm_slice result, void *data)
{
    struct rm__exchange *exchange = data;

    if (status == 0) {
        rm__reply_bytes(exchange, 200, RM__WIRE_PROTOBUF, result);
    } else if (status == RM_EUNKNOWN) {
        rm__reply_error(exchange, RM__OUTCOME_UNKNOWN, "The shard's leader was lost");
    } else {
        reply_refused(exchange, status);
    }
}

static void append(struct rm_worker *worker, struct rm__exchange *exchange, uint32_t shard)
{
    struct rm_session session;
    uint64_t sequence;
    struct rm__shard *led;
    int rv;

    if (!read_sequence(exchange, &session, &sequence)) {
        return;
    }
    led = find_led(worker, exchange, shard);
    if (led == NULL) {
        return;
    }
    rv = rm__shard_propose(led, rm_clock_wall_ms(), session, sequence,
                           rm_http_request_body(exchange->http), on_appended, exchange);
    if (rv != 0) {
        reply_refused(exchange, rv);
    }
}

static void reply_empty(struct rm__exchange *exchange)
{
    rm__reply_bytes(exchange, 200, "application/json", rm_slice_of("{}"));
}

static void on_session_opened(int status, struct rm_slice result, void *data)
{
    struct rm__exchange *exchange = data;

    if (status == 0) {
        reply_empty(exchange);
    } else {
        on_appended(status, result, exchange);
    }
}

static void open_session(struct rm_worker *worker, struct rm__exchange *exchange, uint32_t shard)
{
    struct rm_session session;
    struct rm__shard *led;
    int rv;

    if (!read_session(exchange, &session)) {
        return;
    }
    led = find_led(worker, exchange, shard);
    if (led == NULL) {
        return;
    }
    rv = rm_replica_open_session(rm__shard_replica(led), rm_clock_wall_ms(), session,
                                 on_session_opened, exchange);
    if (rv != 0) {
        reply_refused(exchange, rv);
    }
}

/* ---- between workers ---- */

/* The id of a worker that the map gives a replica of @shard. False: answered. */
static bool read_member(const struct rm_worker *worker, struct rm__exchange *exchange,
                        uint32_t shard, uint32_t *ret_id)
{
    int64_t id;

    if (rm_int_parse(rm__params_get(&exchange->params, "worker"), 1, UINT32_MAX, &id) != 0 ||
        !rm__worker_map_has(worker, shard, (uint32_t)id)) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER,
                        "worker is none that holds this shard by the map");
        return false;
    }
    *ret_id = (uint32_t)id;
    return true;
}

static bool is_member(const struct rm_replica *replica, struct rm_replica_id id)
{
    struct rm_replica_member members[RM_MEMBERS_MAX];
    size_t n = rm_replica_members(replica, members);

    for (size_t i = 0; i < n; i++) {
        if (members[i].id.worker == id.worker && members[i].id.incarnation == id.incarnation) {
            return true;
        }
    }
    return false;
}

/* Whoever is removed must not be missed: those who are left decide alone whether he goes. One who
 * is current by his log may be down all the same, where little is written. */
static bool are_others_up(const struct rm_worker *worker, const struct rm_replica *replica,
                          uint32_t removed)
{
    struct rm_replica_member members[RM_MEMBERS_MAX];
    size_t n = rm_replica_members(replica, members);

    for (size_t i = 0; i < n; i++) {
        uint32_t id = members[i].id.worker;

        if (id != removed && id != worker->options.worker_id &&
            !rm__neighbours_is_up(&worker->neighbours, id)) {
            return false;
        }
    }
    return true;
}

enum admission { ADMITTING, ADMITTED, ADMITS_NEVER };

/* "agreed": none of the worker's former ids is needed any more. */
static void reply_admit(struct rm__exchange *exchange, bool is_agreed, enum admission admission)
{
    struct rm_buffer body;
    struct rm_json_writer json;

    rm_buffer_init(&body, RM__STATUS_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm_json_member_bool(&json, "done", admission == ADMITTED);
    rm_json_member_bool(&json, "agreed", is_agreed);
    rm_json_member_bool(&json, "void", admission == ADMITS_NEVER);
    rm_json_object_end(&json);
    rm__reply_written(exchange, admission == ADMITTED ? 200 : 202, &json, &body);
}

/* What the leader says of changing who takes part, or who leads. */
static void reply_change(struct rm__exchange *exchange, int error)
{
    if (error == RM_ETIMEDOUT) {
        rm__reply_error(exchange, RM__NOT_CURRENT,
                        "The shard's other replicas must have caught up before one is replaced");
    } else if (error == RM_EBUSY || error == RM_ENOTFOUND) {
        rm__reply_error(exchange, RM__NOT_CURRENT, "Not now; ask again later");
    } else {
        reply_refused(exchange, error);
    }
}

static void admit(struct rm_worker *worker, struct rm__exchange *exchange, uint32_t shard)
{
    struct rm_replica_id id;
    int64_t incarnation;
    int64_t last_index;
    struct rm__shard *led;
    bool is_agreed;
    int rv;

    if (!read_member(worker, exchange, shard, &id.worker)) {
        return;
    }
    if (rm_int_parse(rm__params_get(&exchange->params, "incarnation"), 2, UINT32_MAX,
                     &incarnation) != 0) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER, "incarnation must be 2 to %" PRIu32,
                        UINT32_MAX);
        return;
    }
    if (rm_int_parse(rm__params_get(&exchange->params, "last_index"), 0, INT64_MAX, &last_index) !=
        0) {
        rm__reply_error(exchange, RM__INVALID_PARAMETER, "last_index must be at least 0");
        return;
    }
    led = find_led(worker, exchange, shard);
    if (led == NULL) {
        return;
    }
    id.incarnation = (uint32_t)incarnation;
    /* Before the next step, which is not committed at once. */
    is_agreed = rm_replica_has_replaced(rm__shard_replica(led), id);
    if (last_index > 0 && !is_member(rm__shard_replica(led), id)) {
        reply_admit(exchange, is_agreed, ADMITS_NEVER);
        return;
    }
    if (is_agreed || are_others_up(worker, rm__shard_replica(led), id.worker)) {
        rv = rm_replica_admit(rm__shard_replica(led), id);
    } else {
        rm__neighbours_ask(&worker->neighbours);
        rv = RM_ETIMEDOUT;
    }
    if (rv == 0 || rv == RM_EBUSY) {
        reply_admit(exchange, is_agreed, rv == 0 ? ADMITTED : ADMITTING);
    } else {
        reply_change(exchange, rv);
    }
}

static void lead(struct rm_worker *worker, struct rm__exchange *exchange, uint32_t shard)
{
    struct rm__shard *led;
    uint32_t id;
    int rv;

    if (!read_member(worker, exchange, shard, &id)) {
        return;
    }
    led = find_led(worker, exchange, shard);
    if (led == NULL) {
        return;
    }
    rv = rm_replica_transfer(rm__shard_replica(led), id);
    if (rv == 0) {
        reply_empty(exchange);
    } else {
        reply_change(exchange, rv);
    }
}

/* ---- who takes part ---- */

/* Asked of a leader who may have been deposed without knowing: a majority says first that he is
 * not.
 */
struct pending_members {
    struct rm__exchange *exchange;
    struct rm__shard *led;
};

static void write_members(struct rm_json_writer *json, const struct rm_replica *replica)
{
    struct rm_replica_member members[RM_MEMBERS_MAX];
    size_t n = rm_replica_members(replica, members);

    rm_json_key(json, "members");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n; i++) {
        rm_json_object_begin(json);
        rm_json_member_uint(json, "worker", members[i].id.worker);
        rm_json_member_uint(json, "incarnation", members[i].id.incarnation);
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

static void on_confirmed(int status, void *data)
{
    struct pending_members members = *(struct pending_members *)data;
    struct rm_buffer body;
    struct rm_json_writer json;

    free(data);
    if (status != 0) {
        reply_refused(members.exchange, status);
        return;
    }
    rm_buffer_init(&body, RM__STATUS_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    write_members(&json, rm__shard_replica(members.led));
    rm_json_object_end(&json);
    rm__reply_written(members.exchange, 200, &json, &body);
}

static void reply_members(struct rm_worker *worker, struct rm__exchange *exchange, uint32_t shard)
{
    struct rm__shard *led = find_led(worker, exchange, shard);
    struct pending_members *pending;

    if (led == NULL) {
        return;
    }
    pending = malloc(sizeof *pending);
    if (pending == NULL) {
        reply_refused(exchange, RM_ENOMEM);
        return;
    }
    *pending = (struct pending_members){exchange, led};
    rm_replica_read(rm__shard_replica(led), RM_READ_LINEARIZABLE, on_confirmed, pending);
}

/* ---- what they hold ---- */

static void write_hashes(struct rm_json_writer *json, const struct rm_replica *replica)
{
    struct rm_state_hash hashes[RM_HASHES];

    rm_replica_hashes(replica, hashes);
    rm_json_key(json, "hashes");
    rm_json_array_begin(json);
    for (size_t i = 0; i < RM_HASHES && hashes[i].index != 0; i++) {
        char text[RM__HASH_TEXT_MAX];

        snprintf(text, sizeof text, "%016" PRIx64, hashes[i].hash);
        rm_json_object_begin(json);
        rm_json_member_uint(json, "index", hashes[i].index);
        rm_json_member_text(json, "hash", rm_slice_of(text));
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

static void reply_hashes(struct rm_worker *worker, struct rm__exchange *exchange, uint32_t shard)
{
    struct rm__shard *held = rm__worker_shard(worker, shard);
    struct rm_replica_status status;
    struct rm_buffer body;
    struct rm_json_writer json;

    if (held == NULL) {
        rm__reply_error(exchange, RM__NO_LEADER, "No replica of this shard runs here");
        return;
    }
    rm_replica_status(rm__shard_replica(held), &status);
    rm_buffer_init(&body, RM__STATUS_BYTES_MAX);
    rm_json_init(&json, &body);
    rm_json_object_begin(&json);
    rm_json_member_uint(&json, "shard", shard);
    rm_json_member_uint(&json, "worker", worker->options.worker_id);
    rm_json_member_uint(&json, "applied_index", status.applied_index);
    rm_json_member_uint(&json, "commit_index", status.commit_index);
    write_hashes(&json, rm__shard_replica(held));
    rm_json_object_end(&json);
    rm__reply_written(exchange, 200, &json, &body);
}

void rm__worker_internal(void *data, struct rm__exchange *exchange)
{
    struct rm_worker *worker = data;
    enum rm__action action = exchange->route->action;
    uint32_t shard;

    if (action == RM__ACTION_CLUSTER) {
        reply_cluster(worker, exchange);
        return;
    }
    if (action == RM__ACTION_EXPOSITION) {
        rm__worker_reply_page(worker, exchange);
        return;
    }
    if (!read_shard(worker, exchange, &shard)) {
        return;
    }
    if (action == RM__ACTION_HASHES) {
        reply_hashes(worker, exchange, shard);
    } else if (worker->front.is_draining) {
        rm__reply_error(exchange, RM__SHUTTING_DOWN, "This worker is shutting down");
    } else if (action == RM__ACTION_APPEND) {
        append(worker, exchange, shard);
    } else if (action == RM__ACTION_SESSION) {
        open_session(worker, exchange, shard);
    } else if (action == RM__ACTION_MEMBERS) {
        reply_members(worker, exchange, shard);
    } else if (action == RM__ACTION_ADMIT) {
        admit(worker, exchange, shard);
    } else {
        lead(worker, exchange, shard);
    }
}
