#include "codec.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "decimal_column.h"
#include "packed_ints.h"
#include "raftmetrics/base/error.h"
#include "xor_column.h"

enum { HEAD_BYTES = 4 };

enum form { FORM_XOR = 0, FORM_DECIMAL = 1 };

enum {
    VALUES_BYTES_MAX = 1 + RM_XOR_COLUMN_BYTES_MAX,
    BYTES_MAX = HEAD_BYTES + 2 * RM_PACKED_INTS_BYTES_MAX + VALUES_BYTES_MAX,
};

static_assert(RM_PACKED_INTS_BYTES_MAX <= UINT16_MAX, "so that two bytes say how long it is");

/* ---- encoding ---- */

static size_t encode_timestamps(const struct rm_observation *observations, uint32_t n,
                                uint8_t *bytes)
{
    uint64_t numbers[RM_CODEC_MAX];

    for (uint32_t i = 0; i < n; i++) {
        numbers[i] = (uint64_t)observations[i].position.timestamp_ms;
    }
    return rm__packed_ints_encode(numbers, n, RM_PACKING_DELTA_2, RM_PACKING_DELTA, bytes);
}

static size_t encode_ordinals(const struct rm_observation *observations, uint32_t n, uint8_t *bytes)
{
    uint64_t numbers[RM_CODEC_MAX];

    for (uint32_t i = 0; i < n; i++) {
        numbers[i] = observations[i].position.ordinal;
    }
    return rm__packed_ints_encode(numbers, n, RM_PACKING_DELTA_2, RM_PACKING_DELTA, bytes);
}

static size_t encode_values(const struct rm_observation *observations, uint32_t n, uint8_t *bytes)
{
    double values[RM_CODEC_MAX];
    uint8_t decimal[RM_DECIMAL_COLUMN_BYTES_MAX];
    size_t n_decimal;
    size_t n_xor;

    for (uint32_t i = 0; i < n; i++) {
        values[i] = observations[i].value;
    }
    n_decimal = rm__decimal_column_encode(values, n, decimal);
    n_xor = rm__xor_column_encode(values, n, bytes + 1);
    if (n_decimal == 0 || n_xor <= n_decimal) {
        bytes[0] = FORM_XOR;
        return 1 + n_xor;
    }
    bytes[0] = FORM_DECIMAL;
    memcpy(bytes + 1, decimal, n_decimal);
    return 1 + n_decimal;
}

int rm__codec_encode(const struct rm_observation *observations, uint32_t n, struct rm_buffer *bytes)
{
    uint8_t encoded[BYTES_MAX];
    size_t n_timestamps;
    size_t n_ordinals;
    size_t n_bytes;

    assert(n >= 1 && n <= RM_CODEC_MAX);
    n_timestamps = encode_timestamps(observations, n, encoded + HEAD_BYTES);
    n_bytes = HEAD_BYTES + n_timestamps;
    n_ordinals = encode_ordinals(observations, n, encoded + n_bytes);
    n_bytes += n_ordinals;
    n_bytes += encode_values(observations, n, encoded + n_bytes);
    encoded[0] = (uint8_t)n_timestamps;
    encoded[1] = (uint8_t)(n_timestamps >> 8);
    encoded[2] = (uint8_t)n_ordinals;
    encoded[3] = (uint8_t)(n_ordinals >> 8);
    return rm_buffer_append(bytes, encoded, n_bytes);
}

/* ---- decoding ---- */

struct columns {
    struct rm_slice timestamps;
    struct rm_slice ordinals;
    struct rm_slice values;
};

static int divide(struct rm_slice bytes, struct columns *ret_columns)
{
    const uint8_t *head = (const uint8_t *)bytes.data;
    size_t n_timestamps;
    size_t n_ordinals;
    const char *rest;

    if (bytes.len < HEAD_BYTES) {
        return RM_ECORRUPT;
    }
    n_timestamps = (size_t)(head[0] | head[1] << 8);
    n_ordinals = (size_t)(head[2] | head[3] << 8);
    rest = bytes.data + HEAD_BYTES;
    if (n_timestamps + n_ordinals > bytes.len - HEAD_BYTES) {
        return RM_ECORRUPT;
    }
    *ret_columns = (struct columns){
        .timestamps = rm_slice_make(rest, n_timestamps),
        .ordinals = rm_slice_make(rest + n_timestamps, n_ordinals),
        .values = rm_slice_make(rest + n_timestamps + n_ordinals,
                                bytes.len - HEAD_BYTES - n_timestamps - n_ordinals)};
    return 0;
}

static int decode_timestamps(const struct columns *columns, uint32_t n, int64_t *ret_timestamps_ms)
{
    /* Signed and unsigned integers of one size may alias. */
    return rm__packed_ints_decode(columns->timestamps, n, (uint64_t *)ret_timestamps_ms);
}

static int decode_values(const struct columns *columns, uint32_t n, double *ret_values)
{
    struct rm_slice values = columns->values;
    int rv;

    if (values.len < 1 || (values.data[0] != FORM_XOR && values.data[0] != FORM_DECIMAL)) {
        return RM_ECORRUPT;
    }
    values = rm_slice_make(values.data + 1, values.len - 1);
    rv = columns->values.data[0] == FORM_XOR ? rm__xor_column_decode(values, n, ret_values)
                                             : rm__decimal_column_decode(values, n, ret_values);
    for (uint32_t i = 0; rv == 0 && i < n; i++) {
        rv = isfinite(ret_values[i]) ? 0 : RM_ECORRUPT;
    }
    return rv;
}

int rm__codec_decode_timestamps(struct rm_slice bytes, uint32_t n, int64_t *ret_timestamps_ms)
{
    struct columns columns;
    int rv = divide(bytes, &columns);

    return rv != 0 ? rv : decode_timestamps(&columns, n, ret_timestamps_ms);
}

int rm__codec_decode_values(struct rm_slice bytes, uint32_t n, double *ret_values)
{
    struct columns columns;
    int rv = divide(bytes, &columns);

    return rv != 0 ? rv : decode_values(&columns, n, ret_values);
}

int rm__codec_decode(struct rm_slice bytes, uint32_t n, struct rm_observation *ret_observations)
{
    int64_t timestamps_ms[RM_CODEC_MAX];
    uint64_t ordinals[RM_CODEC_MAX];
    double values[RM_CODEC_MAX];
    struct columns columns;
    int rv = divide(bytes, &columns);

    assert(n >= 1 && n <= RM_CODEC_MAX);
    if (rv == 0) {
        rv = decode_timestamps(&columns, n, timestamps_ms);
    }
    if (rv == 0) {
        rv = rm__packed_ints_decode(columns.ordinals, n, ordinals);
    }
    if (rv == 0) {
        rv = decode_values(&columns, n, values);
    }
    if (rv != 0) {
        return rv;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct rm_position position = {timestamps_ms[i], ordinals[i]};

        if (i > 0 && !rm__position_is_before(ret_observations[i - 1].position, position)) {
            return RM_ECORRUPT;
        }
        ret_observations[i] = (struct rm_observation){position, values[i]};
    }
    return 0;
}
