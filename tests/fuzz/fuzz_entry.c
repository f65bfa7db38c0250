/* Log entries out of bytes: what is taken is written again as the same bytes. The input is also
 * taken with the checksum that it should have, to get past it. */
#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "../../src/raft/entry.h"
#include "raftmetrics/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct rm_slice bytes)
{
    struct rm__entry entry;
    char *again;
    int rv = rm__entry_decode(bytes, &entry);

    if (rv != 0) {
        assert(rv == RM_ECORRUPT || rv == RM_EPROTO);
        return;
    }
    assert(rm__entry_size(entry.body.len) == bytes.len);
    again = malloc(bytes.len);
    assert(again != NULL);
    rm__entry_encode(&entry, again);
    assert(rm_slice_equal(bytes, rm_slice_make(again, bytes.len)));
    free(again);
}

/* With the right checksum, where the length is one that fits. */
static void check_sealed(const uint8_t *data, size_t size)
{
    uint64_t checksum = 0;
    uint64_t body_len;
    char *bytes;

    memcpy(&body_len, data + 8, sizeof body_len);
    body_len = le64toh(body_len);
    if (body_len > size - RM__ENTRY_HEADER_BYTES) {
        return;
    }
    bytes = malloc(size);
    assert(bytes != NULL);
    memcpy(bytes, data, size);
    memcpy(bytes + 56, &checksum, sizeof checksum);
    checksum = htole64(XXH3_64bits(bytes, RM__ENTRY_HEADER_BYTES + (size_t)body_len));
    memcpy(bytes + 56, &checksum, sizeof checksum);
    check(rm_slice_make(bytes, size));
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(rm_slice_make(data, size));
    if (size >= RM__ENTRY_HEADER_BYTES) {
        check_sealed(data, size);
    }
    return 0;
}
