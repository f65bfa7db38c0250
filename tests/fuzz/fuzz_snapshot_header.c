/* Headers of snapshots out of bytes: what is taken is written again as the same bytes, and so is
 * what gets a header of its own, in two pieces. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/raft/snapshot_header.h"
#include "raftmetrics/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decoding(struct rm_slice snapshot)
{
    struct rm__snapshot_header header;
    char bytes[RM__SNAPSHOT_HEADER_BYTES];
    struct rm_slice rest;
    int rv = rm__snapshot_header_decode(snapshot, &header);

    if (rv != 0) {
        assert(rv == RM_ECORRUPT || rv == RM_EPROTO);
        return;
    }
    rest = rm_slice_make(snapshot.data + sizeof bytes, snapshot.len - sizeof bytes);
    rm__snapshot_header_encode(&header, &rest, 1, bytes);
    assert(memcmp(bytes, snapshot.data, sizeof bytes) == 0);
}

static void check_encoding(const uint8_t *data, size_t size)
{
    struct rm__snapshot_header header = {.time_ms = (int64_t)size - 9};
    size_t cut = size == 0 ? 0 : data[0] % size;
    const struct rm_slice pieces[] = {rm_slice_make(data, cut),
                                      rm_slice_make(data + cut, size - cut)};
    char *snapshot = malloc(RM__SNAPSHOT_HEADER_BYTES + size);

    assert(snapshot != NULL);
    rm__snapshot_header_encode(&header, pieces, 2, snapshot);
    memcpy(snapshot + RM__SNAPSHOT_HEADER_BYTES, data, size);
    assert(rm__snapshot_header_decode(rm_slice_make(snapshot, RM__SNAPSHOT_HEADER_BYTES + size),
                                      &header) == 0);
    assert(header.time_ms == (int64_t)size - 9);
    free(snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_decoding(rm_slice_make(data, size));
    if (size > 0) {
        check_encoding(data, size);
    }
    return 0;
}
