#include "raftmetrics/base/merge_sort.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t middle_of(const struct rm_merge_sort *sort)
{
    return smaller(sort->begin + sort->width, sort->n);
}

static size_t end_of(const struct rm_merge_sort *sort)
{
    return smaller(middle_of(sort) + sort->width, sort->n);
}

static void begin_pair(struct rm_merge_sort *sort, size_t begin)
{
    sort->begin = begin;
    sort->left = begin;
    sort->right = middle_of(sort);
}

static void begin_round(struct rm_merge_sort *sort, char *from, char *to, size_t width)
{
    sort->from = from;
    sort->to = to;
    sort->width = width;
    begin_pair(sort, 0);
}

int rm_merge_sort_begin(struct rm_merge_sort *sort, void *items, size_t n, size_t size,
                        int (*compare)(const void *a, const void *b), int64_t cost)
{
    *sort = (struct rm_merge_sort){
        .items = items, .n = n, .size = size, .cost = cost, .compare = compare};
    sort->room = malloc(n * size + 1);
    if (sort->room == NULL) {
        return RM_ENOMEM;
    }
    begin_round(sort, sort->items, sort->room, 1);
    return 0;
}

void rm_merge_sort_done(struct rm_merge_sort *sort)
{
    free(sort->room);
    *sort = (struct rm_merge_sort){0};
}

/* Of what is equal the first run's comes first. */
static bool is_of_right(const struct rm_merge_sort *sort, size_t middle, size_t end)
{
    return sort->left == middle ||
           (sort->right < end && sort->compare(sort->from + sort->right * sort->size,
                                               sort->from + sort->left * sort->size) < 0);
}

static void move_next(struct rm_merge_sort *sort)
{
    size_t middle = middle_of(sort);
    size_t end = end_of(sort);
    size_t *next = is_of_right(sort, middle, end) ? &sort->right : &sort->left;
    size_t place = sort->left + (sort->right - middle);

    memcpy(sort->to + place * sort->size, sort->from + *next * sort->size, sort->size);
    (*next)++;
    if (place + 1 < end) {
        return;
    }
    if (end < sort->n) {
        begin_pair(sort, end);
    } else {
        begin_round(sort, sort->to, sort->from, sort->width * 2);
    }
}

/* One run: it is merged with nothing once more where it does not lie where it belongs. */
static bool is_sorted(const struct rm_merge_sort *sort)
{
    return sort->width >= sort->n && sort->from == sort->items;
}

bool rm_merge_sort_work(struct rm_merge_sort *sort, int64_t *budget)
{
    while (!is_sorted(sort)) {
        if (*budget <= 0) {
            return false;
        }
        move_next(sort);
        *budget -= sort->cost;
    }
    return true;
}
