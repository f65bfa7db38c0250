/* What may name a metric and a label; `API.md` section 2. */
#ifndef RAFTMETRICS_METRICS_NAME_H
#define RAFTMETRICS_METRICS_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "raftmetrics/base/sample.h"
#include "raftmetrics/base/slice.h"

enum { RM_METRIC_NAME_MAX = 255 };

/* ^[A-Za-z_:][A-Za-z0-9_:.\-/]{0,254}$ */
bool rm_metric_name_is_valid(struct rm_slice name);

/* ^[A-Za-z_][A-Za-z0-9_./-]*$, not "le", not starting with "__". Length is the caller's limit. */
bool rm_label_name_is_valid(struct rm_slice name);

/* Any UTF-8 without control characters; the empty value is valid. */
bool rm_label_value_is_valid(struct rm_slice value);

/* Are @labels in the form that struct rm_sample wants, with valid names and values? */
bool rm_labels_are_canonical(const struct rm_label *labels, size_t n_labels);

/* Brings @labels into the form that struct rm_sample wants: drops those with an empty value, sorts
 * by name. Errors: RM_ECONFLICT where two names are equal once '.', '/' and '-' are written as
 * '_' (also among the dropped): *@ret_culprit is one of them; the order is then unspecified. */
int rm_labels_canonicalize(struct rm_label *labels, size_t *n_labels, struct rm_slice *ret_culprit);

#endif
