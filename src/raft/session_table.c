#include "session_table.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "little_endian.h"
#include "raftmetrics/base/error.h"

enum {
    N_BUCKETS = 1024,
    /* The encoded form. */
    COUNT_BYTES = 8,
    LOW_AT = 0,
    HIGH_AT = 8,
    SEQUENCE_AT = 16,
    USED_AT = 24,
    RESULT_LEN_AT = 32,
    SESSION_BYTES = 40, /* the result follows */
    ALIGNMENT = 8,
};

struct session {
    struct session *next; /* in its bucket */
    struct session *older;
    struct session *newer;
    struct rm_session id;
    uint64_t sequence; /* of the last batch; 0: none yet */
    int64_t used_ms;
    char *result; /* NULL where it is empty */
    size_t result_len;
    uint64_t result_hash;
};

struct rm__session_table {
    struct session *buckets[N_BUCKETS];
    struct session *oldest; /* by last use */
    struct session *newest;
    size_t n_sessions;
    uint64_t hash; /* the sum of all sessions' hashes */
};

/* Sessions are random numbers. */
static struct session **bucket_of(struct rm__session_table *table, struct rm_session id)
{
    return &table->buckets[(id.low ^ id.high) % N_BUCKETS];
}

static bool is_same(struct rm_session a, struct rm_session b)
{
    return a.low == b.low && a.high == b.high;
}

static struct session *find(const struct rm__session_table *table, struct rm_session id)
{
    struct session *session = table->buckets[(id.low ^ id.high) % N_BUCKETS];

    while (session != NULL && !is_same(session->id, id)) {
        session = session->next;
    }
    return session;
}

static uint64_t hash_of(const struct session *session)
{
    char bytes[48];

    rm__put_u64(bytes, session->id.low);
    rm__put_u64(bytes + 8, session->id.high);
    rm__put_u64(bytes + 16, session->sequence);
    rm__put_u64(bytes + 24, (uint64_t)session->used_ms);
    rm__put_u64(bytes + 32, session->result_len);
    rm__put_u64(bytes + 40, session->result_hash);
    return XXH3_64bits(bytes, sizeof bytes);
}

/* Makes @session, which is in no list, the one used last. The order of the list is that of the
 * times, whatever the caller's clock did. */
static void link_newest(struct rm__session_table *table, struct session *session, int64_t time_ms)
{
    session->used_ms = time_ms;
    if (table->newest != NULL && table->newest->used_ms > time_ms) {
        session->used_ms = table->newest->used_ms;
    }
    session->older = table->newest;
    session->newer = NULL;
    *(table->newest != NULL ? &table->newest->newer : &table->oldest) = session;
    table->newest = session;
    table->hash += hash_of(session);
}

static void unlink_used(struct rm__session_table *table, struct session *session)
{
    table->hash -= hash_of(session);
    *(session->older != NULL ? &session->older->newer : &table->oldest) = session->newer;
    *(session->newer != NULL ? &session->newer->older : &table->newest) = session->older;
}

static void forget_oldest(struct rm__session_table *table)
{
    struct session *session = table->oldest;
    struct session **link = bucket_of(table, session->id);

    unlink_used(table, session);
    while (*link != session) {
        link = &(*link)->next;
    }
    *link = session->next;
    table->n_sessions--;
    free(session->result);
    free(session);
}

/* Adds a session that is not in the table. NULL when out of memory. */
static struct session *add(struct rm__session_table *table, struct rm_session id, int64_t time_ms)
{
    struct session *session = calloc(1, sizeof *session);
    struct session **bucket = bucket_of(table, id);

    if (session == NULL) {
        return NULL;
    }
    session->id = id;
    session->result_hash = XXH3_64bits(NULL, 0);
    session->next = *bucket;
    *bucket = session;
    table->n_sessions++;
    link_newest(table, session, time_ms);
    return session;
}

struct rm__session_table *rm__session_table_new(void)
{
    return calloc(1, sizeof(struct rm__session_table));
}

void rm__session_table_free(struct rm__session_table *table)
{
    if (table == NULL) {
        return;
    }
    while (table->oldest != NULL) {
        forget_oldest(table);
    }
    free(table);
}

int rm__session_open(struct rm__session_table *table, struct rm_session session, int64_t time_ms)
{
    struct session *known = find(table, session);

    assert(!rm_session_is_none(session));
    if (known != NULL) {
        unlink_used(table, known);
        link_newest(table, known, time_ms);
        return 0;
    }
    if (add(table, session, time_ms) == NULL) {
        return RM_ENOMEM;
    }
    if (table->n_sessions > RM__SESSIONS_MAX) {
        forget_oldest(table);
    }
    return 0;
}

int rm__session_check(const struct rm__session_table *table, struct rm_session session,
                      uint64_t sequence, struct rm_slice *ret_result)
{
    const struct session *known = find(table, session);

    if (known == NULL) {
        return RM_ESESSION;
    }
    if (sequence > known->sequence) {
        return 0;
    }
    if (sequence < known->sequence || sequence == 0) {
        return RM_ESTALE;
    }
    *ret_result = rm_slice_make(known->result, known->result_len);
    return RM_EEXIST;
}

/* Errors: RM_ENOMEM; nothing is changed. */
static int set_result(struct rm__session_table *table, struct session *session, uint64_t sequence,
                      struct rm_slice result, int64_t time_ms)
{
    char *copy = NULL;

    if (result.len > 0) {
        copy = malloc(result.len);
        if (copy == NULL) {
            return RM_ENOMEM;
        }
        memcpy(copy, result.data, result.len);
    }
    unlink_used(table, session);
    free(session->result);
    session->result = copy;
    session->result_len = result.len;
    session->result_hash = XXH3_64bits(copy, result.len);
    session->sequence = sequence;
    link_newest(table, session, time_ms);
    return 0;
}

int rm__session_record(struct rm__session_table *table, struct rm_session session,
                       uint64_t sequence, struct rm_slice result, int64_t time_ms)
{
    struct session *known = find(table, session);

    assert(known != NULL && sequence > known->sequence);
    return set_result(table, known, sequence, result, time_ms);
}

void rm__session_expire(struct rm__session_table *table, int64_t time_ms)
{
    while (table->oldest != NULL && time_ms > table->oldest->used_ms &&
           (uint64_t)time_ms - (uint64_t)table->oldest->used_ms >= RM__SESSION_TTL_MS) {
        forget_oldest(table);
    }
}

size_t rm__session_count(const struct rm__session_table *table)
{
    return table->n_sessions;
}

uint64_t rm__session_table_hash(const struct rm__session_table *table)
{
    return table->hash;
}

static size_t padded(size_t len)
{
    return (len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static size_t encoded_bytes(const struct rm__session_table *table)
{
    size_t n_bytes = COUNT_BYTES;

    for (const struct session *session = table->oldest; session != NULL; session = session->newer) {
        n_bytes += SESSION_BYTES + padded(session->result_len);
    }
    return n_bytes;
}

/* Returns where what follows is to be written. */
static char *encode_session(const struct session *session, char *bytes)
{
    size_t padded_len = padded(session->result_len);

    rm__put_u64(bytes + LOW_AT, session->id.low);
    rm__put_u64(bytes + HIGH_AT, session->id.high);
    rm__put_u64(bytes + SEQUENCE_AT, session->sequence);
    rm__put_u64(bytes + USED_AT, (uint64_t)session->used_ms);
    rm__put_u64(bytes + RESULT_LEN_AT, session->result_len);
    memset(bytes + SESSION_BYTES, 0, padded_len);
    if (session->result_len > 0) {
        memcpy(bytes + SESSION_BYTES, session->result, session->result_len);
    }
    return bytes + SESSION_BYTES + padded_len;
}

int rm__session_table_encode(const struct rm__session_table *table, struct rm_buffer *ret_bytes)
{
    size_t n_bytes = encoded_bytes(table);
    int rv = rm_buffer_reserve(ret_bytes, n_bytes);
    char *end;

    if (rv != 0) {
        return rv;
    }
    end = ret_bytes->data + ret_bytes->len;
    rm__put_u64(end, table->n_sessions);
    end += COUNT_BYTES;
    for (const struct session *session = table->oldest; session != NULL; session = session->newer) {
        end = encode_session(session, end);
    }
    ret_bytes->len += n_bytes;
    assert(end == ret_bytes->data + ret_bytes->len);
    return 0;
}

/* The front @len bytes of *@bytes, which is moved behind them and the zeros that pad them. False
 * where they are not there. */
static bool cut(struct rm_slice *bytes, uint64_t len, struct rm_slice *ret_front)
{
    size_t padded_len;

    if (len > bytes->len || padded((size_t)len) > bytes->len) {
        return false;
    }
    padded_len = padded((size_t)len);
    for (size_t i = (size_t)len; i < padded_len; i++) {
        if (bytes->data[i] != 0) {
            return false;
        }
    }
    *ret_front = rm_slice_make(bytes->data, (size_t)len);
    *bytes = rm_slice_make(bytes->data + padded_len, bytes->len - padded_len);
    return true;
}

/* Errors: RM_ENOMEM; RM_ECORRUPT. */
static int decode_session(struct rm_slice *bytes, struct rm__session_table *table)
{
    struct rm_slice fixed;
    struct rm_slice result;
    struct rm_session id;
    struct session *session;
    uint64_t sequence;
    int64_t used_ms;

    if (!cut(bytes, SESSION_BYTES, &fixed) ||
        !cut(bytes, rm__get_u64(fixed.data + RESULT_LEN_AT), &result)) {
        return RM_ECORRUPT;
    }
    id = (struct rm_session){.low = rm__get_u64(fixed.data + LOW_AT),
                             .high = rm__get_u64(fixed.data + HIGH_AT)};
    sequence = rm__get_u64(fixed.data + SEQUENCE_AT);
    used_ms = (int64_t)rm__get_u64(fixed.data + USED_AT);
    if (rm_session_is_none(id) || find(table, id) != NULL || (sequence == 0 && result.len > 0) ||
        (table->newest != NULL && table->newest->used_ms > used_ms)) {
        return RM_ECORRUPT;
    }
    session = add(table, id, used_ms);
    if (session == NULL) {
        return RM_ENOMEM;
    }
    return set_result(table, session, sequence, result, used_ms);
}

int rm__session_table_decode(struct rm_slice *bytes, struct rm__session_table **ret_table)
{
    struct rm_slice rest = *bytes;
    struct rm_slice count;
    struct rm__session_table *table;
    uint64_t n_sessions;
    int rv = 0;

    if (!cut(&rest, COUNT_BYTES, &count)) {
        return RM_ECORRUPT;
    }
    n_sessions = rm__get_u64(count.data);
    if (n_sessions > RM__SESSIONS_MAX) {
        return RM_ECORRUPT;
    }
    table = rm__session_table_new();
    if (table == NULL) {
        return RM_ENOMEM;
    }
    for (uint64_t i = 0; i < n_sessions && rv == 0; i++) {
        rv = decode_session(&rest, table);
    }
    if (rv != 0) {
        rm__session_table_free(table);
        return rv;
    }
    *bytes = rest;
    *ret_table = table;
    return 0;
}
