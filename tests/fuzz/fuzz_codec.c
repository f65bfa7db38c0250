/* Sealed chunks out of bytes: what is taken has finite values in the order of their positions, and
 * encoded again gives them back, and each column alone is the same. The first byte says how many
 * observations. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../../src/metrics/codec.h"
#include "../../src/metrics/double_bits.h"
#include "raftmetrics/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct rm_observation *observations, uint32_t n)
{
    struct rm_observation again[RM_CODEC_MAX];
    struct rm_buffer bytes;

    rm_buffer_init(&bytes, SIZE_MAX);
    assert(rm__codec_encode(observations, n, &bytes) == 0);
    assert(rm__codec_decode(rm_buffer_peek(&bytes), n, again) == 0);
    for (uint32_t i = 0; i < n; i++) {
        assert(isfinite(observations[i].value));
        assert(rm__is_same_double(observations[i].value, again[i].value));
        assert(observations[i].position.timestamp_ms == again[i].position.timestamp_ms);
        assert(observations[i].position.ordinal == again[i].position.ordinal);
    }
    rm_buffer_done(&bytes);
}

/* They may be taken where the whole is not, but never the other way round. */
static void check_columns(struct rm_slice bytes, uint32_t n,
                          const struct rm_observation *observations, bool is_taken)
{
    int64_t timestamps_ms[RM_CODEC_MAX];
    double values[RM_CODEC_MAX];
    int of_timestamps = rm__codec_decode_timestamps(bytes, n, timestamps_ms);
    int of_values = rm__codec_decode_values(bytes, n, values);

    assert(of_timestamps == 0 || (of_timestamps == RM_ECORRUPT && !is_taken));
    assert(of_values == 0 || (of_values == RM_ECORRUPT && !is_taken));
    for (uint32_t i = 0; is_taken && i < n; i++) {
        assert(timestamps_ms[i] == observations[i].position.timestamp_ms);
        assert(rm__is_same_double(values[i], observations[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rm_observation observations[RM_CODEC_MAX];
    struct rm_slice bytes;
    uint32_t n;
    int rv;

    if (size < 1) {
        return 0;
    }
    n = 1U + data[0];
    bytes = rm_slice_make(data + 1, size - 1);
    rv = rm__codec_decode(bytes, n, observations);
    check_columns(bytes, n, observations, rv == 0);
    if (rv == 0) {
        check_again(observations, n);
    } else {
        assert(rv == RM_ECORRUPT);
    }
    return 0;
}
