/* Samples out of the JSON of a write. The first byte chooses between one item and a batch, and the
 * precision. What is taken is what a worker takes. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/api/items.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/utf8.h"
#include "raftmetrics/metrics/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rm_api_limits limits = {
    .max_batch_items = 50,
    .max_labels = 5,
    .max_label_name_bytes = 20,
    .max_label_value_bytes = 30,
};

static void check_sample(const struct rm_sample *sample)
{
    assert(rm_metric_name_is_valid(sample->metric_name));
    assert(isfinite(sample->value));
    assert(sample->timestamp_ms >= RM_TIMESTAMP_MIN_MS);
    assert(sample->timestamp_ms <= RM_TIMESTAMP_MAX_MS);
    assert(sample->n_labels <= limits.max_labels);
    for (size_t i = 0; i < sample->n_labels; i++) {
        const struct rm_label *label = &sample->labels[i];

        assert(rm_label_name_is_valid(label->name) && label->value.len > 0);
        assert(rm_label_value_is_valid(label->value));
        assert(label->name.len <= limits.max_label_name_bytes);
        assert(label->value.len <= limits.max_label_value_bytes);
        assert(i == 0 || rm_slice_compare(sample->labels[i - 1].name, label->name) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rm__items_context context = {.limits = &limits, .now_ms = 1732568363376};
    struct rm__items items;
    struct rm__problem problem;
    bool is_batch;
    int rv;

    if (size == 0) {
        return 0;
    }
    is_batch = (data[0] & 1) != 0;
    context.precision = (enum rm_precision)((data[0] >> 1) % 5);
    rv = rm__items_read(&items, rm_slice_make(data + 1, size - 1), is_batch, &context, &problem);
    if (rv != 0) {
        assert(rv == RM_EINVAL);
        assert(rm_utf8_is_valid(rm_slice_of(problem.message)) && problem.message[0] != '\0');
        return 0;
    }
    assert(is_batch ? items.n_samples <= limits.max_batch_items : items.n_samples == 1);
    for (size_t i = 0; i < items.n_samples; i++) {
        check_sample(&items.samples[i]);
    }
    rm__items_done(&items);
    return 0;
}
