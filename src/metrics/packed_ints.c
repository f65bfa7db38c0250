#include "packed_ints.h"

#include <assert.h>

#include "bits.h"
#include "raftmetrics/base/error.h"

/* How numbers are to be packed, and what is packed then. */
struct plan {
    enum rm_packing packing;
    unsigned width;
    uint64_t base;
    size_t n_bits; /* of the numbers and their patches */
    uint32_t n_patches;
    uint32_t n; /* numbers without the start and the first difference */
    uint64_t numbers[RM_PACKED_INTS_MAX];
};

static unsigned order_of(enum rm_packing packing)
{
    return packing == RM_PACKING_PLAIN ? 0 : packing == RM_PACKING_DELTA_2 ? 2 : 1;
}

static bool is_zigzag(enum rm_packing packing)
{
    return packing >= RM_PACKING_ZIGZAG;
}

/* ---- planning ---- */

static uint32_t differentiate(const uint64_t *numbers, uint32_t n, unsigned order, uint64_t *ret)
{
    if (order >= n) {
        return 0;
    }
    for (uint32_t i = order; i < n; i++) {
        uint64_t difference = numbers[i];

        if (order >= 1) {
            difference -= numbers[i - 1];
        }
        if (order == 2) {
            difference -= numbers[i - 1] - numbers[i - 2];
        }
        ret[i - order] = difference;
    }
    return n - order;
}

static void subtract_smallest(struct plan *plan)
{
    int64_t smallest = INT64_MAX;

    for (uint32_t i = 0; i < plan->n; i++) {
        int64_t number = (int64_t)plan->numbers[i];

        smallest = number < smallest ? number : smallest;
    }
    plan->base = plan->n > 0 ? (uint64_t)smallest : 0;
    for (uint32_t i = 0; i < plan->n; i++) {
        plan->numbers[i] -= plan->base;
    }
}

static size_t patch_bits(unsigned length, unsigned width)
{
    return 8 + 8 * (size_t)((length - width + 6) / 7);
}

/* The width with which numbers of these lengths, the longest @longest, take the fewest bits; it is
 * one of the lengths, or 0. */
static void choose_width(struct plan *plan, const uint16_t n_of_length[65], unsigned longest)
{
    uint32_t n_longer = 0;

    plan->n_bits = SIZE_MAX;
    for (unsigned width = longest + 1; width-- > 0;) {
        size_t n_bits = (size_t)plan->n * width;

        if (n_of_length[width] == 0 && width > 0) {
            continue;
        }
        for (unsigned length = width + 1; length <= longest; length++) {
            n_bits += n_of_length[length] * patch_bits(length, width);
        }
        if (n_bits < plan->n_bits) {
            plan->n_bits = n_bits;
            plan->width = width;
            plan->n_patches = n_longer;
        }
        n_longer += n_of_length[width];
    }
}

static void make_plan(struct plan *plan, const uint64_t *numbers, uint32_t n,
                      enum rm_packing packing)
{
    uint16_t n_of_length[65] = {0};
    unsigned longest = 0;

    plan->packing = packing;
    plan->base = 0;
    plan->n = differentiate(numbers, n, order_of(packing), plan->numbers);
    if (is_zigzag(packing)) {
        for (uint32_t i = 0; i < plan->n; i++) {
            plan->numbers[i] = rm__zigzag(plan->numbers[i]);
        }
    } else {
        subtract_smallest(plan);
    }
    for (uint32_t i = 0; i < plan->n; i++) {
        unsigned length = rm__bit_length(plan->numbers[i]);

        n_of_length[length]++;
        longest = length > longest ? length : longest;
    }
    choose_width(plan, n_of_length, longest);
}

/* ---- writing ---- */

static size_t write_numbers(const struct plan *plan, uint8_t *bytes)
{
    struct rm_bit_writer writer = {.bytes = bytes};

    for (uint32_t i = 0; plan->width > 0 && i < plan->n; i++) {
        rm__bits_put(&writer, plan->numbers[i], plan->width);
    }
    return rm__bits_end(&writer);
}

static size_t write_patches(const struct plan *plan, uint8_t *bytes)
{
    uint8_t *places = bytes;
    uint8_t *highs = bytes + plan->n_patches;

    for (uint32_t i = 0; plan->n_patches > 0 && i < plan->n; i++) {
        if (rm__bit_length(plan->numbers[i]) > plan->width) {
            *places++ = (uint8_t)i;
            highs += rm__varint_put(highs, plan->numbers[i] >> plan->width);
        }
    }
    return (size_t)(highs - bytes);
}

size_t rm__packed_ints_encode(const uint64_t *numbers, uint32_t n, enum rm_packing one,
                              enum rm_packing other, uint8_t ret_bytes[RM_PACKED_INTS_BYTES_MAX])
{
    struct plan plans[2];
    const struct plan *plan;
    size_t n_bytes = 3;

    assert(n >= 1 && n <= RM_PACKED_INTS_MAX);
    make_plan(&plans[0], numbers, n, one);
    plan = &plans[0];
    if (plan->n_bits > 0) {
        make_plan(&plans[1], numbers, n, other);
        plan = plans[1].n_bits < plans[0].n_bits ? &plans[1] : &plans[0];
    }
    /* The first number, or the first difference, is not packed; and of plain ones the smallest is
     * 0, which never needs a patch. */
    assert(plan->n_patches <= UINT8_MAX);
    ret_bytes[0] = (uint8_t)plan->packing;
    ret_bytes[1] = (uint8_t)plan->width;
    ret_bytes[2] = (uint8_t)plan->n_patches;
    if (order_of(plan->packing) >= 1) {
        n_bytes += rm__varint_put(ret_bytes + n_bytes, rm__zigzag(numbers[0]));
    }
    if (order_of(plan->packing) == 2) {
        n_bytes +=
            rm__varint_put(ret_bytes + n_bytes, n > 1 ? rm__zigzag(numbers[1] - numbers[0]) : 0);
    }
    if (!is_zigzag(plan->packing)) {
        n_bytes += rm__varint_put(ret_bytes + n_bytes, rm__zigzag(plan->base));
    }
    n_bytes += write_numbers(plan, ret_bytes + n_bytes);
    return n_bytes + write_patches(plan, ret_bytes + n_bytes);
}

/* ---- reading ---- */

static void read_numbers(struct rm_slice bytes, unsigned width, uint32_t n, uint64_t *ret_numbers)
{
    uint64_t mask = rm__low_bits(UINT64_MAX, width);
    uint32_t n_whole;
    uint32_t i = 0;

    if (width == 0) {
        memset(ret_numbers, 0, n * sizeof *ret_numbers);
        return;
    }
    /* So many can be loaded whole, without a look at the end. */
    n_whole = bytes.len < 8 ? 0 : (uint32_t)((bytes.len - 8) * 8 / width);
    n_whole = n_whole < n ? n_whole : n;
    if (width <= 57) {
        for (; i < n_whole; i++) {
            size_t at = (size_t)i * width;
            uint64_t little;

            memcpy(&little, bytes.data + at / 8, sizeof little);
            ret_numbers[i] = le64toh(little) >> at % 8 & mask;
        }
    }
    for (; i < n; i++) {
        ret_numbers[i] = rm__bits_get(bytes, (size_t)i * width, width);
    }
}

/* @bytes: all that stands behind the numbers. */
static int apply_patches(struct rm_slice bytes, unsigned n_patches, unsigned width, uint32_t n,
                         uint64_t *numbers)
{
    struct rm_slice rest;

    if (n_patches > bytes.len || (n_patches > 0 && width == 64)) {
        return RM_ECORRUPT;
    }
    rest = rm_slice_make(bytes.data + n_patches, bytes.len - n_patches);
    for (unsigned i = 0; i < n_patches; i++) {
        uint8_t at = (uint8_t)bytes.data[i];
        uint64_t high;

        if (at >= n || !rm__varint_take(&rest, &high)) {
            return RM_ECORRUPT;
        }
        numbers[at] |= high << width;
    }
    return rest.len == 0 ? 0 : RM_ECORRUPT;
}

/* From @order on in @numbers stand the differences. */
static void integrate(enum rm_packing packing, uint64_t base, uint64_t first_difference, uint32_t n,
                      uint64_t *numbers)
{
    uint64_t difference = first_difference;

    switch (packing) {
    case RM_PACKING_PLAIN:
        for (uint32_t i = 0; i < n; i++) {
            numbers[i] += base;
        }
        break;
    case RM_PACKING_DELTA:
        for (uint32_t i = 1; i < n; i++) {
            numbers[i] += numbers[i - 1] + base;
        }
        break;
    case RM_PACKING_ZIGZAG:
        for (uint32_t i = 1; i < n; i++) {
            numbers[i] = numbers[i - 1] + rm__unzigzag(numbers[i]);
        }
        break;
    case RM_PACKING_DELTA_2:
        if (n > 1) {
            numbers[1] = numbers[0] + difference;
        }
        for (uint32_t i = 2; i < n; i++) {
            difference += rm__unzigzag(numbers[i]);
            numbers[i] = numbers[i - 1] + difference;
        }
        break;
    }
}

/* What stands in front of the numbers. */
struct head {
    enum rm_packing packing;
    unsigned width;
    unsigned n_patches;
    uint64_t start;
    uint64_t first_difference;
    uint64_t base;
};

static bool take_zigzag(struct rm_slice *bytes, uint64_t *ret_value)
{
    if (!rm__varint_take(bytes, ret_value)) {
        return false;
    }
    *ret_value = rm__unzigzag(*ret_value);
    return true;
}

static bool take_head(struct rm_slice *bytes, struct head *ret_head)
{
    const uint8_t *fixed = (const uint8_t *)bytes->data;

    if (bytes->len < 3 || fixed[0] > RM_PACKING_DELTA_2 || fixed[1] > 64) {
        return false;
    }
    *ret_head = (struct head){.packing = fixed[0], .width = fixed[1], .n_patches = fixed[2]};
    *bytes = rm_slice_make(bytes->data + 3, bytes->len - 3);
    return (order_of(ret_head->packing) < 1 || take_zigzag(bytes, &ret_head->start)) &&
           (order_of(ret_head->packing) < 2 || take_zigzag(bytes, &ret_head->first_difference)) &&
           (is_zigzag(ret_head->packing) || take_zigzag(bytes, &ret_head->base));
}

int rm__packed_ints_decode(struct rm_slice bytes, uint32_t n, uint64_t *ret_numbers)
{
    struct head head;
    uint32_t order;
    uint32_t n_packed;
    size_t n_bytes;
    int rv;

    assert(n >= 1 && n <= RM_PACKED_INTS_MAX);
    if (!take_head(&bytes, &head)) {
        return RM_ECORRUPT;
    }
    order = order_of(head.packing);
    n_packed = n > order ? n - order : 0;
    order = order < n ? order : n;
    n_bytes = ((size_t)n_packed * head.width + 7) / 8;
    if (n_bytes > bytes.len) {
        return RM_ECORRUPT;
    }
    read_numbers(rm_slice_make(bytes.data, n_bytes), head.width, n_packed, ret_numbers + order);
    rv = apply_patches(rm_slice_make(bytes.data + n_bytes, bytes.len - n_bytes), head.n_patches,
                       head.width, n_packed, ret_numbers + order);
    if (rv == 0) {
        ret_numbers[0] = order > 0 ? head.start : ret_numbers[0];
        integrate(head.packing, head.base, head.first_difference, n, ret_numbers);
    }
    return rv;
}
