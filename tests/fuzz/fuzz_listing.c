/* The listings of two workers as bytes, each a half: they are read and merged without harm, or
 * refused. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/api/listing.h"
#include "raftmetrics/base/error.h"

enum { LIMIT = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rm_slice half = rm_slice_make(data, size / 2);
    struct rm__listing_page pages[2];
    struct rm_buffer body;
    int rv = rm__listing_read(rm_slice_make(data + half.len, size - half.len), &pages[1]);
    size_t n_pages = rv == 0 && rm__listing_read(half, &pages[0]) == 0 ? 2 : 1;

    if (rv != 0) {
        assert(rv == RM_EPROTO);
        return 0;
    }
    if (n_pages == 1) {
        pages[0] = pages[1];
    }
    rm_buffer_init(&body, SIZE_MAX);
    rv = rm__listing_merge(pages, n_pages, LIMIT, &body);
    assert(rv == 0 || rv == RM_EPROTO);
    rm_buffer_done(&body);
    return 0;
}
