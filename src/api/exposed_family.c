#include "exposed_family.h"

#include <stdio.h>

#include "raftmetrics/metrics/name.h"
#include "raftmetrics/metrics/name_pattern.h"

enum { HELP_TEXT_MAX = RM_METRIC_NAME_MAX + 64, SUFFIXES_MAX = 4 };

static const struct {
    enum rm_exposition_type type;
    const char *suffix;                 /* of the family */
    const char *help;                   /* with the metric's name in it */
    const char *suffixes[SUFFIXES_MAX]; /* of the family and its samples */
    size_t n_suffixes;
} families[] = {
    [RM__FAMILY_HISTOGRAM] = {RM_EXPOSITION_HISTOGRAM,
                              "",
                              "All values that were recorded as %.*s.",
                              {"", "_bucket", "_sum", "_count"},
                              4},
    [RM__FAMILY_LAST] =
        {RM_EXPOSITION_GAUGE, "_last", "The newest value of each series of %.*s.", {"_last"}, 1},
    [RM__FAMILY_GAUGE] =
        {RM_EXPOSITION_GAUGE, "", "The newest value of each series of %.*s.", {""}, 1},
    [RM__FAMILY_COUNTER] =
        {RM_EXPOSITION_COUNTER, "", "The newest value of each series of %.*s.", {"", "_total"}, 2},
};

enum rm_exposed_as rm__exposed_as_of(const struct rm_exposition_rule *rules, size_t n_rules,
                                     struct rm_slice metric)
{
    for (size_t i = 0; i < n_rules; i++) {
        if (rm_name_pattern_matches(rules[i].pattern, metric)) {
            return rules[i].as;
        }
    }
    return RM_EXPOSED_AS_BOTH;
}

size_t rm__exposed_families(enum rm_exposed_as as,
                            enum rm__exposed_family ret_families[RM__FAMILIES_OF_ONE_MAX])
{
    switch (as) {
    case RM_EXPOSED_AS_BOTH:
        ret_families[0] = RM__FAMILY_HISTOGRAM;
        ret_families[1] = RM__FAMILY_LAST;
        return 2;
    case RM_EXPOSED_AS_HISTOGRAM:
        ret_families[0] = RM__FAMILY_HISTOGRAM;
        return 1;
    case RM_EXPOSED_AS_GAUGE:
        ret_families[0] = RM__FAMILY_GAUGE;
        return 1;
    case RM_EXPOSED_AS_COUNTER:
        ret_families[0] = RM__FAMILY_COUNTER;
        return 1;
    }
    return 0;
}

void rm__exposed_family_begin(struct rm_exposition *exposition, struct rm_slice metric,
                              enum rm__exposed_family family)
{
    char help[HELP_TEXT_MAX];
    int len = snprintf(help, sizeof help, families[family].help, (int)metric.len, metric.data);

    rm_exposition_family(exposition, metric, families[family].suffix, families[family].type,
                         rm_slice_make(help, (size_t)len));
}

void rm__exposed_family_go_on(struct rm_exposition *exposition, struct rm_slice metric,
                              enum rm__exposed_family family)
{
    rm_exposition_go_on(exposition, metric, families[family].suffix, families[family].type);
}

/* ---- clashes ---- */

/* OpenMetrics writes a counter under its name without "_total" as well as with it. */
static struct rm_slice stem_of(struct rm_slice metric, enum rm__exposed_family family)
{
    struct rm_slice total = rm_slice_of("_total");

    if (family == RM__FAMILY_COUNTER && metric.len > total.len &&
        rm_slice_equal(rm_slice_make(metric.data + metric.len - total.len, total.len), total)) {
        metric.len -= total.len;
    }
    return metric;
}

/* Is @stem with @suffix behind it the same as @other_stem with @other_suffix? */
static bool is_same(struct rm_slice stem, struct rm_slice suffix, struct rm_slice other_stem,
                    struct rm_slice other_suffix)
{
    struct rm_slice rest;

    if (stem.len < other_stem.len) {
        return is_same(other_stem, other_suffix, stem, suffix);
    }
    if (!rm_slice_has_prefix(stem, other_stem) ||
        stem.len + suffix.len != other_stem.len + other_suffix.len) {
        return false;
    }
    rest = rm_slice_make(stem.data + other_stem.len, stem.len - other_stem.len);
    return rm_slice_has_prefix(other_suffix, rest) &&
           rm_slice_equal(suffix,
                          rm_slice_make(other_suffix.data + rest.len, other_suffix.len - rest.len));
}

bool rm__exposed_families_clash(struct rm_slice metric, enum rm__exposed_family family,
                                struct rm_slice other_metric, enum rm__exposed_family other_family)
{
    struct rm_slice stem = stem_of(metric, family);
    struct rm_slice other_stem = stem_of(other_metric, other_family);

    for (size_t i = 0; i < families[family].n_suffixes; i++) {
        for (size_t k = 0; k < families[other_family].n_suffixes; k++) {
            if (is_same(stem, rm_slice_of(families[family].suffixes[i]), other_stem,
                        rm_slice_of(families[other_family].suffixes[k]))) {
                return true;
            }
        }
    }
    return false;
}
