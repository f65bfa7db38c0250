#include "snapshot_header.h"

#include <string.h>

/* The state of a streamed hash on the stack, so that hashing cannot run out of memory. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "little_endian.h"
#include "raftmetrics/base/error.h"

#define MAGIC UINT64_C(0x485350414e534d52) /* "RMSNAPSH" */

enum {
    MAGIC_AT = 0,
    FORMAT_AT = 8,
    ZERO_AT = 12,
    LENGTH_AT = 16,
    TIME_AT = 24,
    CHECKSUM_AT = 32,
};

/* Of @header, whose own checksum counts as zero, and @pieces. */
static uint64_t checksum(const char *header, const struct rm_slice *pieces, size_t n_pieces)
{
    char bytes[RM__SNAPSHOT_HEADER_BYTES];
    XXH3_state_t state;

    memcpy(bytes, header, sizeof bytes);
    rm__put_u64(bytes + CHECKSUM_AT, 0);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, bytes, sizeof bytes);
    for (size_t i = 0; i < n_pieces; i++) {
        if (pieces[i].len > 0) {
            XXH3_64bits_update(&state, pieces[i].data, pieces[i].len);
        }
    }
    return XXH3_64bits_digest(&state);
}

void rm__snapshot_header_encode(const struct rm__snapshot_header *header,
                                const struct rm_slice *pieces, size_t n_pieces, void *ret_bytes)
{
    char *bytes = ret_bytes;
    uint64_t length = 0;

    for (size_t i = 0; i < n_pieces; i++) {
        length += pieces[i].len;
    }
    rm__put_u64(bytes + MAGIC_AT, MAGIC);
    rm__put_u32(bytes + FORMAT_AT, RM__SNAPSHOT_FORMAT);
    rm__put_u32(bytes + ZERO_AT, 0);
    rm__put_u64(bytes + LENGTH_AT, length);
    rm__put_u64(bytes + TIME_AT, (uint64_t)header->time_ms);
    rm__put_u64(bytes + CHECKSUM_AT, checksum(bytes, pieces, n_pieces));
}

int rm__snapshot_header_decode(struct rm_slice snapshot, struct rm__snapshot_header *ret_header)
{
    const char *bytes = snapshot.data;
    struct rm_slice rest;

    if (snapshot.len < RM__SNAPSHOT_HEADER_BYTES || rm__get_u64(bytes + MAGIC_AT) != MAGIC) {
        return RM_ECORRUPT;
    }
    rest =
        rm_slice_make(bytes + RM__SNAPSHOT_HEADER_BYTES, snapshot.len - RM__SNAPSHOT_HEADER_BYTES);
    if (rm__get_u32(bytes + ZERO_AT) != 0 || rm__get_u64(bytes + LENGTH_AT) != rest.len ||
        rm__get_u64(bytes + CHECKSUM_AT) != checksum(bytes, &rest, 1)) {
        return RM_ECORRUPT;
    }
    /* Only now: a flipped bit in the format is damage, not another version. */
    if (rm__get_u32(bytes + FORMAT_AT) != RM__SNAPSHOT_FORMAT) {
        return RM_EPROTO;
    }
    ret_header->time_ms = (int64_t)rm__get_u64(bytes + TIME_AT);
    return 0;
}
