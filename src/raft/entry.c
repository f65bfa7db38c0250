#include "entry.h"

#include <assert.h>
#include <string.h>

/* The state of a streamed hash on the stack, so that hashing cannot run out of memory. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "little_endian.h"
#include "raftmetrics/base/error.h"

enum {
    FORMAT_AT = 0,
    KIND_AT = 4,
    BODY_LEN_AT = 8,
    INDEX_AT = 16,
    TIME_AT = 24,
    SESSION_LOW_AT = 32,
    SESSION_HIGH_AT = 40,
    SEQUENCE_AT = 48,
    CHECKSUM_AT = 56,
    ALIGNMENT = 8,
};

size_t rm__entry_size(size_t body_len)
{
    return (RM__ENTRY_HEADER_BYTES + body_len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static uint64_t checksum(const char *bytes, size_t body_len)
{
    char header[RM__ENTRY_HEADER_BYTES];
    XXH3_state_t state;

    memcpy(header, bytes, sizeof header);
    rm__put_u64(header + CHECKSUM_AT, 0);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, header, sizeof header);
    XXH3_64bits_update(&state, bytes + RM__ENTRY_HEADER_BYTES, body_len);
    return XXH3_64bits_digest(&state);
}

void rm__entry_encode(const struct rm__entry *entry, void *ret_bytes)
{
    char *bytes = ret_bytes;
    size_t end = RM__ENTRY_HEADER_BYTES + entry->body.len;

    assert(entry->kind != RM__ENTRY_OPEN_SESSION || entry->body.len == 0);
    rm__put_u32(bytes + FORMAT_AT, RM__ENTRY_FORMAT);
    rm__put_u32(bytes + KIND_AT, (uint32_t)entry->kind);
    rm__put_u64(bytes + BODY_LEN_AT, entry->body.len);
    rm__put_u64(bytes + INDEX_AT, entry->index);
    rm__put_u64(bytes + TIME_AT, (uint64_t)entry->time_ms);
    rm__put_u64(bytes + SESSION_LOW_AT, entry->session.low);
    rm__put_u64(bytes + SESSION_HIGH_AT, entry->session.high);
    rm__put_u64(bytes + SEQUENCE_AT, entry->sequence);
    if (entry->body.len > 0) {
        memcpy(bytes + RM__ENTRY_HEADER_BYTES, entry->body.data, entry->body.len);
    }
    memset(bytes + end, 0, rm__entry_size(entry->body.len) - end);
    rm__put_u64(bytes + CHECKSUM_AT, checksum(bytes, entry->body.len));
}

/* Does a body of @body_len fill @bytes, but for the zeros that pad it? */
static bool fills(struct rm_slice bytes, uint64_t body_len)
{
    if (body_len > bytes.len || rm__entry_size((size_t)body_len) != bytes.len) {
        return false;
    }
    for (size_t i = RM__ENTRY_HEADER_BYTES + (size_t)body_len; i < bytes.len; i++) {
        if (bytes.data[i] != 0) {
            return false;
        }
    }
    return true;
}

int rm__entry_decode(struct rm_slice bytes, struct rm__entry *ret_entry)
{
    uint64_t body_len;
    uint32_t kind;

    if (bytes.len < RM__ENTRY_HEADER_BYTES) {
        return RM_ECORRUPT;
    }
    /* First, for another format may keep its checksum elsewhere. */
    if (rm__get_u32(bytes.data + FORMAT_AT) != RM__ENTRY_FORMAT) {
        return RM_EPROTO;
    }
    body_len = rm__get_u64(bytes.data + BODY_LEN_AT);
    if (!fills(bytes, body_len) ||
        rm__get_u64(bytes.data + CHECKSUM_AT) != checksum(bytes.data, (size_t)body_len)) {
        return RM_ECORRUPT;
    }
    kind = rm__get_u32(bytes.data + KIND_AT);
    if (kind != RM__ENTRY_COMMAND && kind != RM__ENTRY_OPEN_SESSION) {
        return RM_EPROTO;
    }
    if (kind == RM__ENTRY_OPEN_SESSION && body_len > 0) {
        return RM_ECORRUPT;
    }
    *ret_entry = (struct rm__entry){
        .kind = (enum rm__entry_kind)kind,
        .index = rm__get_u64(bytes.data + INDEX_AT),
        .time_ms = (int64_t)rm__get_u64(bytes.data + TIME_AT),
        .session = {.low = rm__get_u64(bytes.data + SESSION_LOW_AT),
                    .high = rm__get_u64(bytes.data + SESSION_HIGH_AT)},
        .sequence = rm__get_u64(bytes.data + SEQUENCE_AT),
        .body = rm_slice_make(bytes.data + RM__ENTRY_HEADER_BYTES, (size_t)body_len),
    };
    return 0;
}

int rm__entry_decode_front(struct rm_slice bytes, struct rm__entry *ret_entry)
{
    uint64_t body_len;
    size_t size;

    if (bytes.len < RM__ENTRY_HEADER_BYTES) {
        return RM_ECORRUPT;
    }
    body_len = rm__get_u64(bytes.data + BODY_LEN_AT);
    if (body_len > bytes.len) {
        return RM_ECORRUPT;
    }
    size = rm__entry_size((size_t)body_len);
    return size > bytes.len ? RM_ECORRUPT
                            : rm__entry_decode(rm_slice_make(bytes.data, size), ret_entry);
}
