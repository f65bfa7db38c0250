/* Session tables out of bytes: what is taken is written again as the same bytes, and goes on as a
 * table does. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/raft/session_table.h"
#include "raftmetrics/base/error.h"

enum { BYTES_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bytes(const struct rm__session_table *table, struct rm_slice expected)
{
    struct rm_buffer bytes;

    rm_buffer_init(&bytes, BYTES_MAX);
    assert(rm__session_table_encode(table, &bytes) == 0);
    assert(rm_slice_equal(rm_buffer_peek(&bytes), expected));
    rm_buffer_done(&bytes);
}

static void check_use(struct rm__session_table *table)
{
    const struct rm_session session = {1, 0};
    uint64_t hash = rm__session_table_hash(table);
    struct rm_slice result = {NULL, 0};
    size_t count;

    rm__session_expire(table, INT64_MIN);
    assert(rm__session_table_hash(table) == hash);
    assert(rm__session_open(table, session, 0) == 0);
    if (rm__session_check(table, session, 9, &result) == 0) {
        assert(rm__session_record(table, session, 9, rm_slice_of("result"), 1) == 0);
        assert(rm__session_check(table, session, 9, &result) == RM_EEXIST);
    }
    count = rm__session_count(table);
    assert(count >= 1 && count <= RM__SESSIONS_MAX);
    rm__session_expire(table, INT64_MAX);
    assert(rm__session_count(table) <= count);
    assert(rm__session_count(table) > 0 || rm__session_table_hash(table) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rm_slice rest = rm_slice_make(data, size);
    struct rm__session_table *table;
    int rv = rm__session_table_decode(&rest, &table);

    if (rv != 0) {
        assert(rv == RM_ECORRUPT || rv == RM_ENOMEM);
        assert(rest.len == size);
        return 0;
    }
    check_bytes(table, rm_slice_make(data, size - rest.len));
    check_use(table);
    rm__session_table_free(table);
    return 0;
}
