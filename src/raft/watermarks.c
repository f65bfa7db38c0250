#include "raftmetrics/raft/watermarks.h"

#include <stdbool.h>
#include <stdlib.h>

#include <xxhash.h>

#include "little_endian.h"
#include "raftmetrics/base/durable_file.h"
#include "raftmetrics/base/error.h"

#define MAGIC UINT64_C(0x314b52414d4d52) /* "RMMARK1" */

enum {
    MAGIC_AT = 0,
    COUNT_AT = 8,
    FRONT_BYTES = 16,
    SHARD_AT = 0,
    INCARNATION_AT = 4,
    INDEX_AT = 8,
    TERM_AT = 16,
    MARK_BYTES = 24,
    CHECKSUM_BYTES = 8,
};

static size_t file_bytes(size_t n_marks)
{
    return FRONT_BYTES + n_marks * MARK_BYTES + CHECKSUM_BYTES;
}

int rm_watermarks_write(const char *path, const struct rm_watermark *marks, size_t n_marks)
{
    size_t len = file_bytes(n_marks);
    char *bytes = malloc(len);
    int rv;

    if (bytes == NULL) {
        return RM_ENOMEM;
    }
    rm__put_u64(bytes + MAGIC_AT, MAGIC);
    rm__put_u64(bytes + COUNT_AT, n_marks);
    for (size_t i = 0; i < n_marks; i++) {
        char *mark = bytes + FRONT_BYTES + i * MARK_BYTES;

        rm__put_u32(mark + SHARD_AT, marks[i].shard);
        rm__put_u32(mark + INCARNATION_AT, marks[i].incarnation);
        rm__put_u64(mark + INDEX_AT, marks[i].index);
        rm__put_u64(mark + TERM_AT, marks[i].term);
    }
    len -= CHECKSUM_BYTES;
    rm__put_u64(bytes + len, XXH3_64bits(bytes, len));
    rv = rm_durable_file_write(path, bytes, file_bytes(n_marks));
    free(bytes);
    return rv;
}

static void decode_marks(const char *bytes, struct rm_watermark *ret_marks, size_t n_marks)
{
    for (size_t i = 0; i < n_marks; i++) {
        const char *mark = bytes + i * MARK_BYTES;

        ret_marks[i] = (struct rm_watermark){.shard = rm__get_u32(mark + SHARD_AT),
                                             .incarnation = rm__get_u32(mark + INCARNATION_AT),
                                             .index = rm__get_u64(mark + INDEX_AT),
                                             .term = rm__get_u64(mark + TERM_AT)};
    }
}

static bool is_sound(const char *bytes, size_t len)
{
    if (len < file_bytes(0) || rm__get_u64(bytes + MAGIC_AT) != MAGIC) {
        return false;
    }
    len -= CHECKSUM_BYTES;
    return rm__get_u64(bytes + len) == XXH3_64bits(bytes, len) &&
           (len - FRONT_BYTES) % MARK_BYTES == 0 &&
           rm__get_u64(bytes + COUNT_AT) == (len - FRONT_BYTES) / MARK_BYTES;
}

int rm_watermarks_read(const char *path, struct rm_watermark *ret_marks, size_t max,
                       size_t *ret_n_marks)
{
    char *bytes = malloc(file_bytes(max));
    size_t len;
    int rv;

    if (bytes == NULL) {
        return RM_ENOMEM;
    }
    rv = rm_durable_file_read(path, bytes, file_bytes(max), &len);
    if (rv == 0 && !is_sound(bytes, len)) {
        rv = RM_ECORRUPT;
    }
    if (rv == 0) {
        *ret_n_marks = (size_t)rm__get_u64(bytes + COUNT_AT);
        decode_marks(bytes + FRONT_BYTES, ret_marks, *ret_n_marks);
    }
    free(bytes);
    return rv;
}
