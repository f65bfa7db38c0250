#include "group_order.h"

#include <math.h>
#include <stdlib.h>

#include "raftmetrics/base/error.h"

/* In the time that a value of a store takes to be read: some 5 ns. */
enum { RANK_COST = 16, SORT_COST = 4 };

struct rm__rank {
    double key;   /* ascending; NAN where it does not exist */
    size_t group; /* its place in the result, which is the order of labels */
};

/* What does not exist comes last, whatever the direction. */
static int compare_ranks(const void *a, const void *b)
{
    const struct rm__rank *left = a;
    const struct rm__rank *right = b;

    if (isnan(left->key) != isnan(right->key)) {
        return isnan(left->key) ? 1 : -1;
    }
    return (left->key > right->key) - (left->key < right->key);
}

int rm__group_order_begin(struct rm__group_order *order, const struct rm__read_query *query,
                          const struct rm_query_result *whole)
{
    *order = (struct rm__group_order){.query = query, .whole = whole};
    if (!query->aggregate.is_ordered) {
        return 0;
    }
    order->ranks = malloc((whole->n_groups + 1) * sizeof *order->ranks);
    if (order->ranks == NULL) {
        return RM_ENOMEM;
    }
    return rm_merge_sort_begin(&order->sort, order->ranks, whole->n_groups, sizeof *order->ranks,
                               compare_ranks, SORT_COST);
}

/* By the group's whole range. */
static void rank_next(struct rm__group_order *order)
{
    const struct rm__read_query *query = order->query;
    const struct rm__aggregate_query *aggregate = &query->aggregate;
    double key = rm__agg_value(&aggregate->order_by, aggregate, &query->selection,
                               &order->whole->groups[order->n_ranked].buckets[0]);

    order->ranks[order->n_ranked] =
        (struct rm__rank){aggregate->is_descending ? -key : key, order->n_ranked};
    order->n_ranked++;
}

bool rm__group_order_work(struct rm__group_order *order, int64_t *budget)
{
    if (order->ranks == NULL) {
        return true;
    }
    for (; order->n_ranked < order->whole->n_groups; *budget -= RANK_COST) {
        if (*budget <= 0) {
            return false;
        }
        rank_next(order);
    }
    return rm_merge_sort_work(&order->sort, budget);
}

size_t rm__group_order_at(const struct rm__group_order *order, size_t i)
{
    return order->ranks == NULL ? i : order->ranks[i].group;
}

void rm__group_order_done(struct rm__group_order *order)
{
    rm_merge_sort_done(&order->sort);
    free(order->ranks);
    order->ranks = NULL;
}
