/* A stable merge sort, from runs of one item upwards, that can wait between items. */
#ifndef RAFTMETRICS_BASE_MERGE_SORT_H
#define RAFTMETRICS_BASE_MERGE_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rm_merge_sort {
    char *items; /* borrowed */
    char *room;  /* for as many */
    size_t n;
    size_t size;
    int64_t cost;
    int (*compare)(const void *a, const void *b);

    /* Runs of @width in one of the two are merged, by pairs, into the other. */
    char *from;
    char *to;
    size_t width;
    size_t begin; /* of the pair at hand */
    size_t left;  /* the next of its first run, and of its second */
    size_t right;
};

/* Begins to sort @items, @n of @size bytes each, which stay where they are and are nobody else's
 * until that is done. @cost (not 0): of one that is moved, as budgets have it. On error
 * rm_merge_sort_done is harmless. Errors: RM_ENOMEM. */
int rm_merge_sort_begin(struct rm_merge_sort *sort, void *items, size_t n, size_t size,
                        int (*compare)(const void *a, const void *b), int64_t cost);

/* Goes on until the cost has used up @budget. True: they are sorted. */
bool rm_merge_sort_work(struct rm_merge_sort *sort, int64_t *budget);

/* Harmless on a zeroed one. */
void rm_merge_sort_done(struct rm_merge_sort *sort);

#endif
