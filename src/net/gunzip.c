#include "gunzip.h"

#include <limits.h>
#include <stdint.h>
#include <zlib.h>

#include "raftmetrics/base/error.h"

enum { STEP_BYTES = 16384, GZIP_ONLY = 16 };

/* Inflates one member. At its end *@stream stands behind it. */
static int inflate_member(z_stream *stream, struct rm_buffer *plain)
{
    int rv = Z_OK;

    while (rv != Z_STREAM_END) {
        unsigned char step[STEP_BYTES];
        int error;

        stream->next_out = step;
        stream->avail_out = sizeof step;
        rv = inflate(stream, Z_NO_FLUSH);
        if (rv == Z_MEM_ERROR) {
            return RM_ENOMEM;
        }
        if (rv != Z_OK && rv != Z_STREAM_END) {
            return RM_ESYNTAX; /* Z_BUF_ERROR among them: the input ended too soon */
        }
        error = rm_buffer_append(plain, step, sizeof step - stream->avail_out);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int rm__gunzip(struct rm_slice packed, struct rm_buffer *plain)
{
    z_stream stream = {0};
    int rv = 0;

    if (packed.len == 0 || packed.len > UINT_MAX) {
        return RM_ESYNTAX;
    }
    if (inflateInit2(&stream, MAX_WBITS + GZIP_ONLY) != Z_OK) {
        return RM_ENOMEM;
    }
    stream.next_in = (z_const Bytef *)(uintptr_t)packed.data;
    stream.avail_in = (uInt)packed.len;
    while (rv == 0 && stream.avail_in > 0) {
        rv = inflate_member(&stream, plain);
        if (rv == 0 && stream.avail_in > 0) {
            inflateReset(&stream);
        }
    }
    inflateEnd(&stream);
    return rv;
}
