#include "raftmetrics/net/gzip.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum { WITH_GZIP_HEADER = 16, MEMORY_LEVEL = 8 };

struct rm_gzip {
    z_stream stream;
};

/* The fastest level: it runs on the loop, and text of this kind shrinks to a tenth with any. */
struct rm_gzip *rm_gzip_new(void)
{
    struct rm_gzip *gzip = calloc(1, sizeof *gzip);

    if (gzip == NULL) {
        return NULL;
    }
    if (deflateInit2(&gzip->stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + WITH_GZIP_HEADER,
                     MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return NULL;
    }
    return gzip;
}

void rm_gzip_free(struct rm_gzip *gzip)
{
    if (gzip != NULL) {
        (void)deflateEnd(&gzip->stream);
        free(gzip);
    }
}

static uInt at_most(size_t n)
{
    return n < UINT_MAX ? (uInt)n : UINT_MAX;
}

bool rm_gzip_write(struct rm_gzip *gzip, struct rm_slice *plain, bool is_end, char *packed,
                   size_t size, size_t *ret_n)
{
    z_stream *stream = &gzip->stream;
    uInt n_in = at_most(plain->len);
    uInt n_out = at_most(size);
    int rv;

    stream->next_in = (z_const Bytef *)(uintptr_t)plain->data;
    stream->avail_in = n_in;
    stream->next_out = (Bytef *)packed;
    stream->avail_out = n_out;
    rv = deflate(stream, is_end && n_in == plain->len ? Z_FINISH : Z_NO_FLUSH);
    assert(rv == Z_OK || rv == Z_STREAM_END || rv == Z_BUF_ERROR); /* that: nothing to do */
    *plain = rm_slice_make((const char *)stream->next_in, plain->len - (n_in - stream->avail_in));
    *ret_n = n_out - stream->avail_out;
    return rv == Z_STREAM_END;
}
