#include "query_groups.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "selection.h"

/* In the time that a value takes to be read: some 5 ns. */
enum {
    SERIES_COST = 32, /* to look at one: it is waited for */
    LABEL_COST = 32,  /* to look at the labels of a group once more */
    PLACE_COST = 8,
    SORT_COST = 12, /* of a comparison: labels are waited for */
};

/* A group while its series are being found. */
struct rm_gathering {
    const struct rm_series *first; /* an item of the view */
    uint32_t n_series;
    uint32_t n_placed;
};

struct rm_member {
    const struct rm_series *item;
    uint32_t gathering;
};

struct key {
    const struct rm_grouping *grouping;
    const struct rm_series *series;
};

static struct rm_slice label_of(const struct rm_grouping *grouping, const struct rm_series *item,
                                size_t i)
{
    return rm__series_label(rm__view_series(grouping->view, item), grouping->query->group_by[i]);
}

static uint64_t hash_of(const struct key *key)
{
    uint64_t hash = key->grouping->hash_seed;

    for (size_t i = 0; i < key->grouping->query->n_group_by; i++) {
        hash =
            rm__table_hash(rm__series_label(key->series, key->grouping->query->group_by[i]), hash);
    }
    return hash;
}

static bool has_labels_of(const void *item, const void *with)
{
    const struct rm_gathering *gathering = item;
    const struct key *key = with;

    for (size_t i = 0; i < key->grouping->query->n_group_by; i++) {
        if (!rm_slice_equal(label_of(key->grouping, gathering->first, i),
                            rm__series_label(key->series, key->grouping->query->group_by[i]))) {
            return false;
        }
    }
    return true;
}

static size_t label_bytes(const struct rm_grouping *grouping, const struct rm_series *series)
{
    size_t n_bytes = 0;

    for (size_t i = 0; i < grouping->query->n_group_by; i++) {
        n_bytes += rm__series_label(series, grouping->query->group_by[i]).len;
    }
    return n_bytes;
}

/* @series is what @item was. */
static int add_member(struct rm_grouping *grouping, const struct rm_series *item,
                      const struct rm_series *series)
{
    const struct key key = {grouping, series};
    uint64_t hash = hash_of(&key);
    struct rm_gathering *gathering = rm__table_find(&grouping->table, hash, has_labels_of, &key);

    if (gathering == NULL) {
        int rv;

        gathering = &grouping->gatherings[grouping->n_gatherings];
        *gathering = (struct rm_gathering){.first = item};
        rv = rm__table_add(&grouping->table, hash, gathering);
        if (rv != 0) {
            return rv;
        }
        grouping->n_gatherings++;
        grouping->n_label_bytes += label_bytes(grouping, series);
    }
    gathering->n_series++;
    grouping->members[grouping->n_members] =
        (struct rm_member){item, (uint32_t)(gathering - grouping->gatherings)};
    grouping->n_members++;
    return 0;
}

int rm__grouping_init(struct rm_grouping *grouping, const struct rm_query *query,
                      const struct rm_view *view, uint64_t hash_seed)
{
    size_t n_max = view->n + 1;

    *grouping = (struct rm_grouping){.query = query, .view = view, .hash_seed = hash_seed};
    grouping->gatherings = malloc(n_max * sizeof *grouping->gatherings);
    grouping->members = malloc(n_max * sizeof *grouping->members);
    return grouping->gatherings == NULL || grouping->members == NULL ? RM_ENOMEM : 0;
}

size_t rm__grouping_bytes(size_t n_series)
{
    return (n_series + 1) * (sizeof(struct rm_gathering) + sizeof(struct rm_member));
}

static void free_found(struct rm_grouping *grouping)
{
    rm__table_done(&grouping->table);
    free(grouping->gatherings);
    free(grouping->members);
    grouping->gatherings = NULL;
    grouping->members = NULL;
}

void rm__grouping_done(struct rm_grouping *grouping)
{
    free_found(grouping);
    rm__series_groups_done(&grouping->groups);
    rm_merge_sort_done(&grouping->sort);
    *grouping = (struct rm_grouping){0};
}

/* ---- the groups, as they were found ---- */

/* Errors: RM_ENOMEM. */
static int begin_groups(struct rm_grouping *grouping)
{
    struct rm_series_groups *groups = &grouping->groups;
    size_t n_labels = grouping->n_gatherings * grouping->query->n_group_by;

    groups->groups = malloc((grouping->n_gatherings + 1) * sizeof *groups->groups);
    groups->series = malloc((grouping->n_members + 1) * sizeof *groups->series);
    groups->labels = malloc(n_labels * sizeof *groups->labels + grouping->n_label_bytes + 1);
    if (groups->groups == NULL || groups->series == NULL || groups->labels == NULL) {
        return RM_ENOMEM;
    }
    groups->n_groups = grouping->n_gatherings;
    grouping->label_bytes = (char *)(groups->labels + n_labels);
    return 0;
}

/* Copies it: the series may go. */
static struct rm_slice copy_label(struct rm_grouping *grouping, struct rm_slice value)
{
    struct rm_slice copy = rm_slice_make(grouping->label_bytes, value.len);

    if (value.len > 0) {
        memcpy(grouping->label_bytes, value.data, value.len);
    }
    grouping->label_bytes += value.len;
    return copy;
}

/* The labels of the next, and where its series go: behind those of the one before it. */
static void label_group(struct rm_grouping *grouping)
{
    const struct rm_gathering *gathering = &grouping->gatherings[grouping->next];
    struct rm_series_group *group = &grouping->groups.groups[grouping->next];
    size_t n_labels = grouping->query->n_group_by;
    struct rm_slice *labels = grouping->groups.labels + grouping->next * n_labels;

    *group = (struct rm_series_group){.labels = labels,
                                      .series = grouping->next == 0
                                                    ? grouping->groups.series
                                                    : group[-1].series + group[-1].n_series,
                                      .n_series = gathering->n_series,
                                      .n_labels = (uint32_t)n_labels};
    for (size_t i = 0; i < n_labels; i++) {
        labels[i] = copy_label(grouping, label_of(grouping, gathering->first, i));
    }
}

static void place_member(struct rm_grouping *grouping)
{
    const struct rm_member *member = &grouping->members[grouping->next];
    struct rm_gathering *gathering = &grouping->gatherings[member->gathering];

    grouping->groups.groups[member->gathering].series[gathering->n_placed++] = member->item;
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

/* ---- stage by stage ---- */

static void enter(struct rm_grouping *grouping, enum rm_grouping_stage stage)
{
    grouping->stage = stage;
    grouping->next = 0;
}

static int work_on_finding(struct rm_grouping *grouping, int64_t *budget)
{
    const struct rm_view *view = grouping->view;

    for (; grouping->next<view->n && * budget> 0; grouping->next++) {
        const struct rm_series *item = view->items[grouping->next];
        const struct rm_series *series = rm__view_series(view, item);

        *budget -= SERIES_COST;
        if (rm__selection_has(&grouping->query->selection, series)) {
            int rv = add_member(grouping, item, series);

            if (rv != 0) {
                return rv;
            }
        }
    }
    if (grouping->next < view->n) {
        return 0;
    }
    enter(grouping, RM_GROUPING_LABEL);
    return begin_groups(grouping);
}

static int work_on_labels(struct rm_grouping *grouping, int64_t *budget)
{
    for (; grouping->next<grouping->n_gatherings && * budget> 0; grouping->next++) {
        label_group(grouping);
        *budget -= LABEL_COST;
    }
    if (grouping->next == grouping->n_gatherings) {
        enter(grouping, RM_GROUPING_PLACE);
    }
    return 0;
}

static int work_on_places(struct rm_grouping *grouping, int64_t *budget)
{
    const struct rm_series_groups *groups = &grouping->groups;

    for (; grouping->next<grouping->n_members && * budget> 0; grouping->next++) {
        place_member(grouping);
        *budget -= PLACE_COST;
    }
    if (grouping->next < grouping->n_members) {
        return 0;
    }
    free_found(grouping);
    enter(grouping, RM_GROUPING_SORT);
    return rm_merge_sort_begin(&grouping->sort, groups->groups, groups->n_groups,
                               sizeof *groups->groups, compare_groups, SORT_COST);
}

static int work_on_order(struct rm_grouping *grouping, int64_t *budget)
{
    if (rm_merge_sort_work(&grouping->sort, budget)) {
        enter(grouping, RM_GROUPING_DONE);
    }
    return 0;
}

int rm__grouping_work(struct rm_grouping *grouping, int64_t *budget, bool *ret_is_done)
{
    static int (*const stages[])(struct rm_grouping *,
                                 int64_t *) = {[RM_GROUPING_FIND] = work_on_finding,
                                               [RM_GROUPING_LABEL] = work_on_labels,
                                               [RM_GROUPING_PLACE] = work_on_places,
                                               [RM_GROUPING_SORT] = work_on_order};
    int rv = 0;

    while (rv == 0 && *budget > 0 && grouping->stage != RM_GROUPING_DONE) {
        rv = stages[grouping->stage](grouping, budget);
    }
    *ret_is_done = grouping->stage == RM_GROUPING_DONE;
    return rv;
}

void rm__grouping_take(struct rm_grouping *grouping, struct rm_series_groups *ret_groups)
{
    struct rm_series_groups *groups = &grouping->groups;

    /* The one more that was allocated. */
    if (groups->n_groups == 0 && grouping->query->n_group_by == 0) {
        groups->groups[0] = (struct rm_series_group){0};
        groups->n_groups = 1;
    }
    *ret_groups = *groups;
    *groups = (struct rm_series_groups){0};
}

void rm__series_groups_done(struct rm_series_groups *groups)
{
    free(groups->groups);
    free(groups->series);
    free(groups->labels);
    *groups = (struct rm_series_groups){0};
}
