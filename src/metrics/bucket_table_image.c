/* A table of bounds in the image of a store. */
#include "bucket_table.h"
#include "image_bytes.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/bucket_rules.h"
#include "store_image.h"

/* ---- freezing ---- */

static int freeze_bounds(const struct rm_shared_bounds *bounds, struct rm_buffer *index)
{
    const struct rm_store_image_bounds image = {bounds->n};
    int rv = rm_buffer_append(index, &image, sizeof image);

    return rv != 0 ? rv
                   : rm_buffer_append(index, bounds->bounds, bounds->n * sizeof *bounds->bounds);
}

/* The number of the bounds at @doubles, which are a rule's; 0 where they are the default ones. */
static uint32_t number_of(const struct rm_bucket_table *table, const double *doubles)
{
    for (uint32_t i = 0; i < table->known.n; i++) {
        const struct rm_shared_bounds *bounds = table->known.items[i];

        if (bounds->bounds == doubles) {
            return bounds->number;
        }
    }
    return 0;
}

static int freeze_rule(const struct rm_bucket_table *table, const struct rm_bucket_rule *rule,
                       struct rm_buffer *index)
{
    static const char ZEROS[8] = {0};
    const struct rm_store_image_rule image = {(uint32_t)rule->pattern.len,
                                              number_of(table, rule->bounds)};
    int rv = rm_buffer_append(index, &image, sizeof image);

    if (rv == 0) {
        rv = rm_buffer_append_slice(index, rule->pattern);
    }
    return rv != 0 ? rv : rm_buffer_append(index, ZEROS, rm__image_padding(rule->pattern.len));
}

int rm__bucket_table_freeze(struct rm_bucket_table *table, struct rm_buffer *index)
{
    int rv = 0;

    rm__bucket_table_trim(table);
    for (uint32_t i = 0; i < table->known.n && rv == 0; i++) {
        struct rm_shared_bounds *bounds = table->known.items[i];

        bounds->number = i + 1;
        rv = freeze_bounds(bounds, index);
    }
    for (size_t i = 0; i < table->n_rules && rv == 0; i++) {
        rv = freeze_rule(table, &table->rules[i], index);
    }
    return rv;
}

/* ---- restoring ---- */

void rm__numbered_bounds_done(struct rm_vector *numbered)
{
    for (uint32_t i = 0; i < numbered->n; i++) {
        rm__shared_bounds_unref(numbered->items[i]);
    }
    rm__vector_done(numbered);
}

bool rm__numbered_bounds_find(const struct rm_vector *numbered, uint64_t number,
                              struct rm_shared_bounds **ret_bounds)
{
    if (number > numbered->n) {
        return false;
    }
    *ret_bounds = number == 0 ? NULL : numbered->items[number - 1];
    return true;
}

static int restore_bounds(struct rm_bucket_table *table, struct rm_slice *index,
                          struct rm_vector *numbered)
{
    const struct rm_store_image_bounds *image = rm__image_take(index, 1, sizeof *image);
    struct rm_bucket_bounds bounds;
    struct rm_shared_bounds *shared;
    int rv;

    if (image == NULL || image->n > RM_BUCKET_BOUNDS_MAX) {
        return RM_ECORRUPT;
    }
    bounds.n = image->n;
    bounds.bounds = rm__image_take(index, bounds.n, sizeof *bounds.bounds);
    if (bounds.bounds == NULL || !rm_bucket_bounds_are_valid(bounds)) {
        return RM_ECORRUPT;
    }
    rv = rm__bucket_table_share(table, bounds, &shared);
    if (rv == 0 && table->known.n != numbered->n + 1) {
        return RM_ECORRUPT; /* the default ones, or the same twice */
    }
    if (rv == 0) {
        rv = rm__vector_insert(numbered, numbered->n, shared);
    }
    if (rv == 0) {
        rm__shared_bounds_ref(shared);
    }
    return rv;
}

static int restore_rule(struct rm_slice *index, const struct rm_vector *numbered,
                        struct rm_bucket_rule *ret_rule)
{
    const struct rm_store_image_rule *image = rm__image_take(index, 1, sizeof *image);
    struct rm_shared_bounds *shared;
    struct rm_bucket_bounds bounds;

    if (image == NULL || !rm__image_take_bytes(index, image->n_pattern_bytes, &ret_rule->pattern) ||
        !rm__numbered_bounds_find(numbered, image->bounds, &shared)) {
        return RM_ECORRUPT;
    }
    bounds = rm__shared_bounds_peek(shared);
    ret_rule->bounds = bounds.bounds;
    ret_rule->n_bounds = bounds.n;
    return 0;
}

int rm__bucket_table_restore(struct rm_bucket_table *table, struct rm_slice *index,
                             uint32_t n_bounds, uint32_t n_rules, struct rm_vector *ret_numbered)
{
    struct rm_bucket_rule rules[RM_BUCKET_RULES_MAX];
    int rv = n_rules > RM_BUCKET_RULES_MAX ? RM_ECORRUPT : 0;

    for (uint32_t i = 0; i < n_bounds && rv == 0; i++) {
        rv = restore_bounds(table, index, ret_numbered);
    }
    for (uint32_t i = 0; i < n_rules && rv == 0; i++) {
        rv = restore_rule(index, ret_numbered, &rules[i]);
    }
    if (rv == 0 && !rm_bucket_rules_are_valid(rules, n_rules)) {
        rv = RM_ECORRUPT;
    }
    return rv != 0 ? rv : rm__bucket_table_set(table, rules, n_rules);
}
