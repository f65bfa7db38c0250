#include "name_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

/* Passing over a free slot of the table costs so much less than taking a metric in. */
enum { SLOTS_PER_WORK = 16 };

static struct rm_name_block *block_at(const struct rm_name_index *index, uint32_t i)
{
    return index->blocks.items[i];
}

static bool is_before(const struct rm_name_index *index, const struct rm_metric *metric,
                      struct rm_slice name)
{
    return rm_exposition_compare_names(index->style, metric->name, name) < 0;
}

void rm__name_index_done(struct rm_name_index *index)
{
    for (uint32_t i = 0; i < index->blocks.n; i++) {
        free(index->blocks.items[i]);
    }
    rm__vector_done(&index->blocks);
    *index = (struct rm_name_index){0};
}

/* ---- places ---- */

/* The last block whose first metric stands before @name; 0 where none does. */
static uint32_t find_block(const struct rm_name_index *index, struct rm_slice name)
{
    uint32_t low = 0;
    uint32_t high = index->blocks.n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (is_before(index, block_at(index, middle)->metrics[0], name)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : low - 1;
}

/* As rm__name_index_find, but what belongs behind a block's last stands there, not at the front
 * of the next: there it can be inserted. */
static struct rm_name_place find_room(const struct rm_name_index *index, struct rm_slice name)
{
    struct rm_name_place place = {.block = find_block(index, name)};
    uint32_t low = 0;
    uint32_t high = place.block < index->blocks.n ? block_at(index, place.block)->n : 0;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (is_before(index, block_at(index, place.block)->metrics[middle], name)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    place.index = low;
    return place;
}

/* The end of a block is the front of the next. */
static struct rm_name_place normalize(const struct rm_name_index *index, struct rm_name_place place)
{
    if (place.block < index->blocks.n && place.index == block_at(index, place.block)->n) {
        return (struct rm_name_place){.block = place.block + 1};
    }
    return place;
}

struct rm_name_place rm__name_index_find(const struct rm_name_index *index, struct rm_slice name)
{
    return normalize(index, find_room(index, name));
}

struct rm_metric *rm__name_index_at(const struct rm_name_index *index, struct rm_name_place place)
{
    return place.block < index->blocks.n ? block_at(index, place.block)->metrics[place.index]
                                         : NULL;
}

struct rm_name_place rm__name_index_next(const struct rm_name_index *index,
                                         struct rm_name_place place)
{
    place.index++;
    return normalize(index, place);
}

/* ---- changes ---- */

/* A block behind block @i, with its upper half; or one for an index that has none. */
static int add_block(struct rm_name_index *index, uint32_t i)
{
    struct rm_name_block *block = malloc(sizeof *block);
    uint32_t n = index->blocks.n;
    int rv;

    if (block == NULL) {
        return RM_ENOMEM;
    }
    rv = rm__vector_insert(&index->blocks, n == 0 ? 0 : i + 1, block);
    if (rv != 0) {
        free(block);
        return rv;
    }
    block->n = 0;
    if (n > 0) {
        struct rm_name_block *full = block_at(index, i);

        block->n = full->n / 2;
        full->n -= block->n;
        memcpy(block->metrics, full->metrics + full->n, block->n * sizeof block->metrics[0]);
    }
    return 0;
}

/* Makes sure that there is a free place where @place is, which may move for it. */
static int make_room(struct rm_name_index *index, struct rm_slice name, struct rm_name_place *place)
{
    bool is_empty = index->blocks.n == 0;
    int rv;

    if (!is_empty && block_at(index, place->block)->n < RM__NAME_BLOCK_METRICS) {
        return 0;
    }
    rv = add_block(index, place->block);
    if (rv == 0 && !is_empty) {
        *place = find_room(index, name);
    }
    return rv;
}

/* One that is there already is left there. */
static int insert(struct rm_name_index *index, struct rm_metric *metric)
{
    struct rm_name_place place = find_room(index, metric->name);
    struct rm_name_block *block;
    int rv;

    if (rm__name_index_at(index, normalize(index, place)) == metric) {
        return 0;
    }
    rv = make_room(index, metric->name, &place);
    if (rv != 0) {
        return rv;
    }
    block = block_at(index, place.block);
    memmove(block->metrics + place.index + 1, block->metrics + place.index,
            (block->n - place.index) * sizeof block->metrics[0]);
    block->metrics[place.index] = metric;
    block->n++;
    index->n_metrics++;
    return 0;
}

int rm__name_index_add(struct rm_name_index *index, struct rm_metric *metric)
{
    return index->is_used ? insert(index, metric) : 0;
}

/* One that was not taken in yet is not there. */
void rm__name_index_remove(struct rm_name_index *index, const struct rm_metric *metric)
{
    struct rm_name_place place;
    struct rm_name_block *block;

    if (!index->is_used) {
        return;
    }
    place = rm__name_index_find(index, metric->name);
    if (rm__name_index_at(index, place) != metric) {
        return;
    }
    block = block_at(index, place.block);
    block->n--;
    memmove(block->metrics + place.index, block->metrics + place.index + 1,
            (block->n - place.index) * sizeof block->metrics[0]);
    index->n_metrics--;
    if (block->n == 0) {
        free(block);
        rm__vector_remove(&index->blocks, place.block);
    }
}

/* ---- taking in what there is ---- */

/* The table may grow between two calls, and what it holds may move when something is removed: what
 * is met again is passed over, and where something was missed the count says so. */
int rm__name_index_fill(struct rm_name_index *index, const struct rm_table *metrics,
                        struct rm_exposition_style style, size_t max_work)
{
    size_t n_done = 0; /* slots, one with a metric counted for many */

    if (!index->is_used || index->n_slots != metrics->n_slots) {
        index->is_used = true;
        index->style = style;
        index->n_slots = metrics->n_slots;
        index->n_scanned = 0;
    }
    while (index->n_metrics < metrics->n_items && n_done / SLOTS_PER_WORK < max_work) {
        struct rm_metric *metric = metrics->slots[index->n_scanned].item;

        if (metric != NULL && insert(index, metric) != 0) {
            return RM_ENOMEM;
        }
        n_done += metric == NULL ? 1 : SLOTS_PER_WORK;
        index->n_scanned = (index->n_scanned + 1) % index->n_slots;
    }
    assert(index->n_metrics <= metrics->n_items);
    return index->n_metrics < metrics->n_items ? RM_EBUSY : 0;
}

size_t rm__name_index_bytes(const struct rm_name_index *index)
{
    return rm__vector_bytes(&index->blocks) + index->blocks.n * sizeof(struct rm_name_block);
}
