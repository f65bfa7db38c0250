#include "query_groups.h"

#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "selection.h"
#include "table.h"

/* A group while its series are being found. */
struct gathering {
    const struct rm_series *first;
    uint32_t n_series;
    uint32_t n_placed;
};

struct member {
    const struct rm_series *series;
    uint32_t gathering;
};

struct grouping {
    const struct rm_query *query;
    uint64_t hash_seed;
    struct rm_table table; /* of gatherings, by their labels */
    struct gathering *gatherings;
    uint32_t n_gatherings;
    struct member *members;
    uint32_t n_members;
};

struct key {
    const struct rm_query *query;
    const struct rm_series *series;
};

static uint64_t hash_of(const struct key *key, uint64_t seed)
{
    uint64_t hash = seed;

    for (size_t i = 0; i < key->query->n_group_by; i++) {
        hash = rm__table_hash(rm__series_label(key->series, key->query->group_by[i]), hash);
    }
    return hash;
}

static bool has_labels_of(const void *item, const void *with)
{
    const struct gathering *gathering = item;
    const struct key *key = with;

    for (size_t i = 0; i < key->query->n_group_by; i++) {
        struct rm_slice name = key->query->group_by[i];

        if (!rm_slice_equal(rm__series_label(gathering->first, name),
                            rm__series_label(key->series, name))) {
            return false;
        }
    }
    return true;
}

static int add_member(struct grouping *grouping, const struct rm_series *series)
{
    const struct key key = {grouping->query, series};
    uint64_t hash = hash_of(&key, grouping->hash_seed);
    struct gathering *gathering = rm__table_find(&grouping->table, hash, has_labels_of, &key);

    if (gathering == NULL) {
        int rv;

        gathering = &grouping->gatherings[grouping->n_gatherings];
        *gathering = (struct gathering){.first = series};
        rv = rm__table_add(&grouping->table, hash, gathering);
        if (rv != 0) {
            return rv;
        }
        grouping->n_gatherings++;
    }
    gathering->n_series++;
    grouping->members[grouping->n_members] =
        (struct member){series, (uint32_t)(gathering - grouping->gatherings)};
    grouping->n_members++;
    return 0;
}

/* Errors: RM_ENOMEM. */
static int grouping_init(struct grouping *grouping, const struct rm_metric *metric)
{
    size_t n_max = metric->series.n;

    grouping->gatherings = malloc(n_max * sizeof *grouping->gatherings);
    grouping->members = malloc(n_max * sizeof *grouping->members);
    if (grouping->gatherings == NULL || grouping->members == NULL) {
        return RM_ENOMEM;
    }
    for (uint32_t i = 0; i < metric->series.n; i++) {
        const struct rm_series *series = metric->series.items[i];
        int rv = rm__selection_has(&grouping->query->selection, series)
                     ? add_member(grouping, series)
                     : 0;

        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

static void grouping_done(struct grouping *grouping)
{
    rm__table_done(&grouping->table);
    free(grouping->gatherings);
    free(grouping->members);
}

static int compare_groups(const void *a, const void *b)
{
    const struct rm_series_group *left = a;
    const struct rm_series_group *right = b;

    for (uint32_t i = 0; i < left->n_labels; i++) {
        int rv = rm_slice_compare(left->labels[i], right->labels[i]);

        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

/* Gives each group its labels and its part of the series. */
static void fill(struct rm_series_groups *groups, struct grouping *grouping)
{
    const struct rm_query *query = grouping->query;
    size_t n_series = 0;

    for (uint32_t i = 0; i < grouping->n_gatherings; i++) {
        struct rm_slice *labels = groups->labels + i * query->n_group_by;

        for (size_t j = 0; j < query->n_group_by; j++) {
            labels[j] = rm__series_label(grouping->gatherings[i].first, query->group_by[j]);
        }
        groups->groups[i] = (struct rm_series_group){.labels = labels,
                                                     .n_labels = (uint32_t)query->n_group_by,
                                                     .series = groups->series + n_series,
                                                     .n_series = grouping->gatherings[i].n_series};
        n_series += grouping->gatherings[i].n_series;
    }
    for (uint32_t i = 0; i < grouping->n_members; i++) {
        uint32_t number = grouping->members[i].gathering;
        struct gathering *gathering = &grouping->gatherings[number];

        groups->groups[number].series[gathering->n_placed++] = grouping->members[i].series;
    }
}

/* Errors: RM_ENOMEM. */
static int allocate(struct rm_series_groups *groups, const struct grouping *grouping)
{
    size_t n_labels = grouping->n_gatherings * grouping->query->n_group_by;

    groups->groups = calloc(grouping->n_gatherings + 1, sizeof *groups->groups);
    groups->series = malloc((grouping->n_members + 1) * sizeof *groups->series);
    groups->labels = malloc((n_labels + 1) * sizeof *groups->labels);
    groups->n_groups = grouping->n_gatherings;
    return groups->groups == NULL || groups->series == NULL || groups->labels == NULL ? RM_ENOMEM
                                                                                      : 0;
}

int rm__series_groups_init(const struct rm_metric *metric, const struct rm_query *query,
                           uint64_t hash_seed, struct rm_series_groups *ret_groups)
{
    struct grouping grouping = {.query = query, .hash_seed = hash_seed};
    struct rm_series_groups groups = {0};
    int rv = grouping_init(&grouping, metric);

    if (rv == 0) {
        rv = allocate(&groups, &grouping);
    }
    if (rv == 0) {
        fill(&groups, &grouping);
        qsort(groups.groups, groups.n_groups, sizeof *groups.groups, compare_groups);
        /* The one more that was allocated has no series. */
        groups.n_groups += groups.n_groups == 0 && query->n_group_by == 0 ? 1 : 0;
        *ret_groups = groups;
    } else {
        rm__series_groups_done(&groups);
    }
    grouping_done(&grouping);
    return rv;
}

void rm__series_groups_done(struct rm_series_groups *groups)
{
    free(groups->groups);
    free(groups->series);
    free(groups->labels);
    *groups = (struct rm_series_groups){0};
}
