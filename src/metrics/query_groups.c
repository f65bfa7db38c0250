#include "query_groups.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "selection.h"

/* To look at a series, in the time that a value takes to be read: it is waited for. */
enum { SERIES_COST = 32 };

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

void rm__grouping_done(struct rm_grouping *grouping)
{
    rm__table_done(&grouping->table);
    free(grouping->gatherings);
    free(grouping->members);
    *grouping = (struct rm_grouping){0};
}

int rm__grouping_work(struct rm_grouping *grouping, int64_t *budget, bool *ret_is_done)
{
    while (grouping->next<grouping->view->n && * budget> 0) {
        const struct rm_series *item = grouping->view->items[grouping->next];
        const struct rm_series *series = rm__view_series(grouping->view, item);

        if (rm__selection_has(&grouping->query->selection, series)) {
            int rv = add_member(grouping, item, series);

            if (rv != 0) {
                return rv;
            }
        }
        grouping->next++;
        *budget -= SERIES_COST;
    }
    *ret_is_done = grouping->next == grouping->view->n;
    return 0;
}

/* ---- the groups ---- */

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

/* Gives each group its part of the series. */
static void place_members(struct rm_series_groups *groups, struct rm_grouping *grouping)
{
    size_t n_series = 0;

    for (uint32_t i = 0; i < grouping->n_gatherings; i++) {
        groups->groups[i].series = groups->series + n_series;
        groups->groups[i].n_series = grouping->gatherings[i].n_series;
        n_series += grouping->gatherings[i].n_series;
    }
    for (uint32_t i = 0; i < grouping->n_members; i++) {
        const struct rm_member *member = &grouping->members[i];
        struct rm_gathering *gathering = &grouping->gatherings[member->gathering];

        groups->groups[member->gathering].series[gathering->n_placed++] = member->item;
    }
}

static size_t label_bytes(const struct rm_grouping *grouping)
{
    size_t n_bytes = 0;

    for (uint32_t i = 0; i < grouping->n_gatherings; i++) {
        for (size_t j = 0; j < grouping->query->n_group_by; j++) {
            n_bytes += label_of(grouping, grouping->gatherings[i].first, j).len;
        }
    }
    return n_bytes;
}

/* Copies them: the series may go. */
static void copy_labels(struct rm_series_groups *groups, const struct rm_grouping *grouping)
{
    size_t n_labels = grouping->query->n_group_by;
    struct rm_slice *label = groups->labels;
    char *bytes = (char *)(groups->labels + grouping->n_gatherings * n_labels);

    for (uint32_t i = 0; i < grouping->n_gatherings; i++) {
        groups->groups[i].labels = label;
        groups->groups[i].n_labels = (uint32_t)n_labels;
        for (size_t j = 0; j < n_labels; j++) {
            struct rm_slice value = label_of(grouping, grouping->gatherings[i].first, j);

            if (value.len > 0) {
                memcpy(bytes, value.data, value.len);
            }
            *label = rm_slice_make(bytes, value.len);
            label++;
            bytes += value.len;
        }
    }
}

/* Errors: RM_ENOMEM. */
static int allocate(struct rm_series_groups *groups, const struct rm_grouping *grouping)
{
    size_t n_labels = grouping->n_gatherings * grouping->query->n_group_by;

    groups->groups = calloc(grouping->n_gatherings + 1, sizeof *groups->groups);
    groups->series = malloc((grouping->n_members + 1) * sizeof *groups->series);
    groups->labels = malloc(n_labels * sizeof *groups->labels + label_bytes(grouping) + 1);
    groups->n_groups = grouping->n_gatherings;
    return groups->groups == NULL || groups->series == NULL || groups->labels == NULL ? RM_ENOMEM
                                                                                      : 0;
}

int rm__grouping_finish(struct rm_grouping *grouping, struct rm_series_groups *ret_groups)
{
    struct rm_series_groups groups = {0};
    int rv = allocate(&groups, grouping);

    if (rv != 0) {
        rm__series_groups_done(&groups);
        return rv;
    }
    place_members(&groups, grouping);
    copy_labels(&groups, grouping);
    qsort(groups.groups, groups.n_groups, sizeof *groups.groups, compare_groups);
    /* The one more that was allocated has no series. */
    groups.n_groups += groups.n_groups == 0 && grouping->query->n_group_by == 0 ? 1 : 0;
    *ret_groups = groups;
    return 0;
}

void rm__series_groups_done(struct rm_series_groups *groups)
{
    free(groups->groups);
    free(groups->series);
    free(groups->labels);
    *groups = (struct rm_series_groups){0};
}
