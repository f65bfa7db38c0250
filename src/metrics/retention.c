#include "retention.h"

#include <assert.h>
#include <stdlib.h>

#include "image_bytes.h"
#include "raftmetrics/base/duration.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name_pattern.h"
#include "raftmetrics/metrics/retention_rules.h"
#include "state_hash.h"
#include "store_image.h"

bool rm_retention_is_valid(const struct rm_retention *retention)
{
    if (retention->n_rules > RM_RETENTION_RULES_MAX ||
        (retention->when_full != RM_SAMPLES_DROP_OLDEST &&
         retention->when_full != RM_SAMPLES_REFUSE)) {
        return false;
    }
    for (size_t i = 0; i < retention->n_rules; i++) {
        const struct rm_retention_rule *rule = &retention->rules[i];

        if (!rm_name_pattern_is_valid(rule->pattern) || rule->max_age_ms <= 0 ||
            rule->max_age_ms > RM_DURATION_MAX_MS) {
            return false;
        }
    }
    return true;
}

bool rm_retention_is_equal(const struct rm_retention *a, const struct rm_retention *b)
{
    if (a->n_rules != b->n_rules || a->max_samples != b->max_samples ||
        a->when_full != b->when_full) {
        return false;
    }
    for (size_t i = 0; i < a->n_rules; i++) {
        if (!rm_slice_equal(a->rules[i].pattern, b->rules[i].pattern) ||
            a->rules[i].max_age_ms != b->rules[i].max_age_ms) {
            return false;
        }
    }
    return true;
}

static size_t size_of(const struct rm_retention *retention)
{
    size_t size = retention->n_rules * sizeof *retention->rules;

    for (size_t i = 0; i < retention->n_rules; i++) {
        size += retention->rules[i].pattern.len;
    }
    return size;
}

int rm__retention_copy(const struct rm_retention *from, struct rm_retention *ret_copy)
{
    struct rm_retention copy = *from;
    struct rm_retention_rule *rules;
    char *end;

    assert(rm_retention_is_valid(from));
    copy.rules = NULL;
    if (from->n_rules > 0) {
        rules = malloc(size_of(from));
        if (rules == NULL) {
            return RM_ENOMEM;
        }
        end = (char *)(rules + from->n_rules);
        for (size_t i = 0; i < from->n_rules; i++) {
            struct rm_slice pattern = from->rules[i].pattern;

            rules[i] = from->rules[i];
            rules[i].pattern.data = memcpy(end, pattern.data, pattern.len);
            end += pattern.len;
        }
        copy.rules = rules;
    }
    *ret_copy = copy;
    return 0;
}

void rm__retention_done(struct rm_retention *retention)
{
    free((void *)(uintptr_t)retention->rules);
    *retention = (struct rm_retention){0};
}

int64_t rm__retention_max_age(const struct rm_retention *retention, struct rm_slice metric_name)
{
    for (size_t i = 0; i < retention->n_rules; i++) {
        if (rm_name_pattern_matches(retention->rules[i].pattern, metric_name)) {
            return retention->rules[i].max_age_ms;
        }
    }
    return INT64_MAX;
}

uint64_t rm__retention_hash(const struct rm_retention *retention)
{
    const uint64_t numbers[] = {retention->max_samples, (uint64_t)retention->when_full};
    uint64_t hash = 0;

    if (retention->max_samples != 0 || retention->when_full != RM_SAMPLES_DROP_OLDEST) {
        hash = rm__state_hash_bytes(rm_slice_make(numbers, sizeof numbers), hash);
    }
    for (size_t i = 0; i < retention->n_rules; i++) {
        const struct rm_retention_rule *rule = &retention->rules[i];

        hash = rm__state_hash_bytes(rule->pattern, hash);
        hash =
            rm__state_hash_bytes(rm_slice_make(&rule->max_age_ms, sizeof rule->max_age_ms), hash);
    }
    return hash;
}

size_t rm__retention_bytes(const struct rm_retention *retention)
{
    return size_of(retention);
}

/* ---- in an image ---- */

int rm__retention_freeze(const struct rm_retention *retention, struct rm_buffer *index)
{
    static const char ZEROS[8] = {0};
    const struct rm_store_image_retention front = {.max_samples = retention->max_samples,
                                                   .when_full = retention->when_full,
                                                   .n_rules = (uint32_t)retention->n_rules};
    int rv = rm_buffer_append(index, &front, sizeof front);

    for (size_t i = 0; i < retention->n_rules && rv == 0; i++) {
        const struct rm_retention_rule *rule = &retention->rules[i];
        const struct rm_store_image_age age = {rule->max_age_ms, rule->pattern.len};

        rv = rm_buffer_append(index, &age, sizeof age);
        if (rv == 0) {
            rv = rm_buffer_append_slice(index, rule->pattern);
        }
        if (rv == 0) {
            rv = rm_buffer_append(index, ZEROS, rm__image_padding(rule->pattern.len));
        }
    }
    return rv;
}

int rm__retention_restore(struct rm_slice *index, struct rm_retention *ret_copy)
{
    const struct rm_store_image_retention *front = rm__image_take(index, 1, sizeof *front);
    struct rm_retention_rule rules[RM_RETENTION_RULES_MAX];
    struct rm_retention retention = {.rules = rules};

    if (front == NULL || front->n_rules > RM_RETENTION_RULES_MAX ||
        front->when_full > RM_SAMPLES_REFUSE) {
        return RM_ECORRUPT;
    }
    for (uint32_t i = 0; i < front->n_rules; i++) {
        const struct rm_store_image_age *age = rm__image_take(index, 1, sizeof *age);

        if (age == NULL || !rm__image_take_bytes(index, age->n_pattern_bytes, &rules[i].pattern)) {
            return RM_ECORRUPT;
        }
        rules[i].max_age_ms = age->max_age_ms;
    }
    retention.n_rules = front->n_rules;
    retention.max_samples = front->max_samples;
    retention.when_full = (enum rm_samples_full)front->when_full;
    return rm_retention_is_valid(&retention) ? rm__retention_copy(&retention, ret_copy)
                                             : RM_ECORRUPT;
}
