/* Rules for the bounds of histograms, to be set in turn, and what they say of a name. */
#ifndef RAFTMETRICS_TESTS_UNIT_RULE_SETS_H
#define RAFTMETRICS_TESTS_UNIT_RULE_SETS_H

#include <fnmatch.h>
#include <stddef.h>

#include <cmocka.h>

#include "raftmetrics/metrics/store.h"

enum { N_RULE_SETS = 4 };

static const double rule_sets_few[] = {1, 5};
static const double rule_sets_many[] = {-1e300, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static const struct rule_set {
    size_t n;
    struct rm_bucket_rule rules[3];
} rule_sets[N_RULE_SETS] = {
    {0, {{{NULL, 0}, NULL, 0}}},
    {2, {{{"a*", 2}, rule_sets_few, 2}, {{"*", 1}, rule_sets_many, 12}}},
    {3, {{{"?", 1}, NULL, 0}, {{"a/?", 3}, rule_sets_few, 2}, {{"a*x", 3}, rule_sets_many, 12}}},
    {1, {{{"*a", 2}, rule_sets_many + 3, 4}}},
};

static inline void rule_sets_apply(struct rm_store *store, size_t set)
{
    assert_int_equal(rm_store_set_bucket_rules(store, rule_sets[set].rules, rule_sets[set].n), 0);
}

static inline struct rm_bucket_bounds rule_sets_bounds(size_t set, const char *name)
{
    for (size_t i = 0; i < rule_sets[set].n; i++) {
        const struct rm_bucket_rule *rule = &rule_sets[set].rules[i];

        if (fnmatch(rule->pattern.data, name, 0) == 0) {
            return (struct rm_bucket_bounds){rule->bounds, rule->n_bounds};
        }
    }
    return rm_bucket_bounds_default();
}

#endif
