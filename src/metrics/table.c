#include "table.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

#include "raftmetrics/base/error.h"

enum { SMALLEST_N_SLOTS = 16 };

void rm__table_done(struct rm_table *table)
{
    free(table->slots);
    *table = (struct rm_table){0};
}

static size_t next_slot(const struct rm_table *table, size_t slot)
{
    return (slot + 1) & (table->n_slots - 1);
}

static size_t home_slot(const struct rm_table *table, uint64_t hash)
{
    return (size_t)hash & (table->n_slots - 1);
}

void *rm__table_find(const struct rm_table *table, uint64_t hash,
                     bool (*is_match)(const void *item, const void *key), const void *key)
{
    size_t i;

    if (table->n_items == 0) {
        return NULL;
    }
    for (i = home_slot(table, hash); table->slots[i].item != NULL; i = next_slot(table, i)) {
        if (table->slots[i].hash == hash && is_match(table->slots[i].item, key)) {
            return table->slots[i].item;
        }
    }
    return NULL;
}

static bool is_any(const void *item, const void *key)
{
    (void)item;
    (void)key;
    return true;
}

void *rm__table_guess(const struct rm_table *table, uint64_t hash)
{
    return rm__table_find(table, hash, is_any, NULL);
}

/* There is a free slot. */
static void place(struct rm_table *table, uint64_t hash, void *item)
{
    size_t i = home_slot(table, hash);

    while (table->slots[i].item != NULL) {
        i = next_slot(table, i);
    }
    table->slots[i] = (struct rm_table_slot){hash, item};
}

static int grow(struct rm_table *table, size_t n_slots)
{
    struct rm_table larger = {.n_items = table->n_items, .n_slots = n_slots};

    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return RM_ENOMEM;
    }
    for (size_t i = 0; i < table->n_slots; i++) {
        if (table->slots[i].item != NULL) {
            place(&larger, table->slots[i].hash, table->slots[i].item);
        }
    }
    free(table->slots);
    *table = larger;
    return 0;
}

int rm__table_reserve(struct rm_table *table, size_t n_items)
{
    size_t n_slots = table->n_slots == 0 ? SMALLEST_N_SLOTS : table->n_slots;

    while (n_items > n_slots / 4 * 3) {
        n_slots *= 2;
    }
    return n_slots == table->n_slots ? 0 : grow(table, n_slots);
}

int rm__table_add(struct rm_table *table, uint64_t hash, void *item)
{
    int rv = rm__table_reserve(table, table->n_items + 1);

    if (rv != 0) {
        return rv;
    }
    place(table, hash, item);
    table->n_items++;
    return 0;
}

/* Where @item stands; it is in the table. */
static size_t slot_of(const struct rm_table *table, uint64_t hash, const void *item)
{
    size_t i = home_slot(table, hash);

    while (table->slots[i].item != item) {
        assert(table->slots[i].item != NULL);
        i = next_slot(table, i);
    }
    return i;
}

/* Closes the gap instead of leaving a tombstone: an item behind it moves in unless its home lies
 * between the gap and where it stands (Knuth, TAOCP volume 3, 6.4, algorithm R). */
void rm__table_remove(struct rm_table *table, uint64_t hash, const void *item)
{
    size_t mask = table->n_slots - 1;
    size_t gap = slot_of(table, hash, item);

    for (size_t i = next_slot(table, gap); table->slots[i].item != NULL; i = next_slot(table, i)) {
        size_t home = home_slot(table, table->slots[i].hash);

        if (((i - home) & mask) >= ((i - gap) & mask)) {
            table->slots[gap] = table->slots[i];
            gap = i;
        }
    }
    table->slots[gap] = (struct rm_table_slot){0, NULL};
    table->n_items--;
}

size_t rm__table_bytes(const struct rm_table *table)
{
    return table->n_slots * sizeof *table->slots;
}

uint64_t rm__table_hash(struct rm_slice bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.len, seed);
}
