#include "bucket_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/bucket_rules.h"
#include "raftmetrics/metrics/name_pattern.h"
#include "state_hash.h"

/* ---- shared bounds ---- */

static struct rm_shared_bounds *shared_bounds_new(struct rm_bucket_bounds bounds)
{
    struct rm_shared_bounds *shared = malloc(sizeof *shared + bounds.n * sizeof *bounds.bounds);

    if (shared != NULL) {
        *shared = (struct rm_shared_bounds){.n_owners = 1, .n = bounds.n};
        if (bounds.n > 0) {
            memcpy(shared->bounds, bounds.bounds, bounds.n * sizeof *bounds.bounds);
        }
    }
    return shared;
}

struct rm_shared_bounds *rm__shared_bounds_ref(struct rm_shared_bounds *bounds)
{
    if (bounds != NULL) {
        bounds->n_owners++;
    }
    return bounds;
}

void rm__shared_bounds_unref(struct rm_shared_bounds *bounds)
{
    if (bounds != NULL && --bounds->n_owners == 0) {
        free(bounds);
    }
}

struct rm_bucket_bounds rm__shared_bounds_peek(const struct rm_shared_bounds *bounds)
{
    return bounds == NULL ? rm_bucket_bounds_default()
                          : (struct rm_bucket_bounds){bounds->bounds, bounds->n};
}

static struct rm_shared_bounds *known_at(const struct rm_bucket_table *table, uint32_t i)
{
    return table->known.items[i];
}

/* Those whose @bounds are pointed to; NULL for the default ones. */
static struct rm_shared_bounds *shared_of(const struct rm_bucket_table *table, const double *bounds)
{
    for (uint32_t i = 0; i < table->known.n; i++) {
        if (known_at(table, i)->bounds == bounds) {
            return known_at(table, i);
        }
    }
    return NULL;
}

int rm__bucket_table_share(struct rm_bucket_table *table, struct rm_bucket_bounds bounds,
                           struct rm_shared_bounds **ret_bounds)
{
    struct rm_shared_bounds *shared;
    int rv;

    if (rm_bucket_bounds_are_equal(bounds, rm_bucket_bounds_default())) {
        *ret_bounds = NULL;
        return 0;
    }
    for (uint32_t i = 0; i < table->known.n; i++) {
        if (rm_bucket_bounds_are_equal(bounds, rm__shared_bounds_peek(known_at(table, i)))) {
            *ret_bounds = known_at(table, i);
            return 0;
        }
    }
    shared = shared_bounds_new(bounds);
    if (shared == NULL) {
        return RM_ENOMEM;
    }
    rv = rm__vector_insert(&table->known, table->known.n, shared);
    if (rv != 0) {
        rm__shared_bounds_unref(shared);
        return rv;
    }
    *ret_bounds = shared;
    return 0;
}

/* ---- rules ----
 *
 * Bounds of a rule are those of shared ones, or the default ones, which are static. */

static bool is_of_a_rule(const struct rm_bucket_table *table, const struct rm_shared_bounds *bounds)
{
    for (size_t i = 0; i < table->n_rules; i++) {
        if (table->rules[i].bounds == bounds->bounds) {
            return true;
        }
    }
    return false;
}

void rm__bucket_table_trim(struct rm_bucket_table *table)
{
    for (uint32_t i = table->known.n; i > 0; i--) {
        struct rm_shared_bounds *bounds = known_at(table, i - 1);

        if (bounds->n_owners == 1 && !is_of_a_rule(table, bounds)) {
            rm__vector_remove(&table->known, i - 1);
            rm__shared_bounds_unref(bounds);
        }
    }
}

static size_t size_of(const struct rm_bucket_rule *rules, size_t n)
{
    size_t size = n * sizeof *rules;

    for (size_t i = 0; i < n; i++) {
        size += rules[i].pattern.len;
    }
    return size;
}

/* Replaces the bounds of @rules by the table's own. Errors: RM_ENOMEM. */
static int share_all(struct rm_bucket_table *table, struct rm_bucket_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct rm_bucket_bounds bounds = {rules[i].bounds, rules[i].n_bounds};
        struct rm_shared_bounds *shared;
        int rv = rm__bucket_table_share(table, bounds, &shared);

        if (rv != 0) {
            return rv;
        }
        rules[i].bounds = rm__shared_bounds_peek(shared).bounds;
    }
    return 0;
}

int rm__bucket_table_set(struct rm_bucket_table *table, const struct rm_bucket_rule *rules,
                         size_t n)
{
    struct rm_bucket_rule *copies = NULL;
    char *end;
    int rv;

    assert(rm_bucket_rules_are_valid(rules, n));
    if (n > 0) {
        copies = malloc(size_of(rules, n));
        if (copies == NULL) {
            return RM_ENOMEM;
        }
        end = (char *)(copies + n);
        for (size_t i = 0; i < n; i++) {
            copies[i] = rules[i];
            copies[i].pattern.data = memcpy(end, rules[i].pattern.data, rules[i].pattern.len);
            end += rules[i].pattern.len;
        }
    }
    rv = share_all(table, copies, n);
    if (rv == 0) {
        struct rm_bucket_rule *old = table->rules;

        table->rules = copies;
        table->n_rules = n;
        copies = old;
    }
    free(copies);
    rm__bucket_table_trim(table);
    return rv;
}

struct rm_shared_bounds *rm__bucket_table_choose(const struct rm_bucket_table *table,
                                                 struct rm_slice name)
{
    for (size_t i = 0; i < table->n_rules; i++) {
        if (rm_name_pattern_matches(table->rules[i].pattern, name)) {
            return shared_of(table, table->rules[i].bounds);
        }
    }
    return NULL;
}

void rm__bucket_table_done(struct rm_bucket_table *table)
{
    for (uint32_t i = 0; i < table->known.n; i++) {
        rm__shared_bounds_unref(known_at(table, i));
    }
    rm__vector_done(&table->known);
    free(table->rules);
    *table = (struct rm_bucket_table){0};
}

uint64_t rm__bucket_table_hash(const struct rm_bucket_table *table)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < table->n_rules; i++) {
        const struct rm_bucket_rule *rule = &table->rules[i];

        hash = rm__state_hash_bytes(rule->pattern, hash);
        hash = rm__state_hash_bytes(
            rm_slice_make(rule->bounds, rule->n_bounds * sizeof *rule->bounds), hash);
    }
    return hash;
}

size_t rm__bucket_table_bytes(const struct rm_bucket_table *table)
{
    size_t n_bytes = rm__vector_bytes(&table->known) + size_of(table->rules, table->n_rules);

    for (uint32_t i = 0; i < table->known.n; i++) {
        n_bytes += sizeof(struct rm_shared_bounds) + known_at(table, i)->n * sizeof(double);
    }
    return n_bytes;
}
