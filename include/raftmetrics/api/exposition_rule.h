/* As what GET /metrics shows scrapers a metric, by its name: the first rule whose pattern matches
 * decides, and rm_exposed_as's first where none does. Of no consequence to what is recorded: rules
 * may change from one start to the next. Everything is borrowed. */
#ifndef RAFTMETRICS_API_EXPOSITION_RULE_H
#define RAFTMETRICS_API_EXPOSITION_RULE_H

#include "raftmetrics/base/slice.h"

enum { RM_EXPOSITION_RULES_MAX = 64 };

enum rm_exposed_as {
    RM_EXPOSED_AS_BOTH, /* the histogram NAME, and the gauge NAME_last of what is newest */
    RM_EXPOSED_AS_HISTOGRAM,
    RM_EXPOSED_AS_GAUGE,   /* of what is newest, as NAME */
    RM_EXPOSED_AS_COUNTER, /* likewise; values below 0 are no counts, and left out */
};

struct rm_exposition_rule {
    struct rm_slice pattern; /* of names: metrics/name_pattern.h */
    enum rm_exposed_as as;
};

#endif
