/* The families that an exposition has of a metric: the histogram NAME of all that was recorded and
 * the gauge NAME_last of what is newest, or one of either under the plain name. */
#ifndef RAFTMETRICS_SRC_API_EXPOSED_FAMILY_H
#define RAFTMETRICS_SRC_API_EXPOSED_FAMILY_H

#include "raftmetrics/api/exposition_rule.h"
#include "raftmetrics/base/exposition.h"

/* Those of one metric come in this order. */
enum rm__exposed_family {
    RM__FAMILY_HISTOGRAM,
    RM__FAMILY_LAST,
    RM__FAMILY_GAUGE,
    RM__FAMILY_COUNTER,
};

enum { RM__EXPOSED_FAMILIES = RM__FAMILY_COUNTER + 1, RM__FAMILIES_OF_ONE_MAX = 2 };

enum rm_exposed_as rm__exposed_as_of(const struct rm_exposition_rule *rules, size_t n_rules,
                                     struct rm_slice metric);

/* The families of a metric in their order; returns how many. */
size_t rm__exposed_families(enum rm_exposed_as as,
                            enum rm__exposed_family ret_families[RM__FAMILIES_OF_ONE_MAX]);

/* Begins the family of @metric, or goes on with it. */
void rm__exposed_family_begin(struct rm_exposition *exposition, struct rm_slice metric,
                              enum rm__exposed_family family);
void rm__exposed_family_go_on(struct rm_exposition *exposition, struct rm_slice metric,
                              enum rm__exposed_family family);

/* Do two families have a name in common, their own or one of their samples'? @metric and
 * @other_metric: as they are written. */
bool rm__exposed_families_clash(struct rm_slice metric, enum rm__exposed_family family,
                                struct rm_slice other_metric, enum rm__exposed_family other_family);

#endif
