/* The hash table behind metrics, series and idempotency keys: open addressing with linear probing,
 * at most three quarters full. Holds pointers to items of one kind, each under its hash; owns
 * neither them nor their keys. Zeroed it is empty. It never shrinks. */
#ifndef RAFTMETRICS_SRC_METRICS_TABLE_H
#define RAFTMETRICS_SRC_METRICS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"

struct rm_table {
    struct rm_table_slot {
        uint64_t hash;
        void *item; /* NULL where the slot is free */
    } * slots;
    size_t n_slots; /* 0 or a power of two */
    size_t n_items;
};

void rm__table_done(struct rm_table *table);

/* The item under @hash for which @is_match says yes, or NULL. */
void *rm__table_find(const struct rm_table *table, uint64_t hash,
                     bool (*is_match)(const void *item, const void *key), const void *key);

/* Asks memory for where the search for @hash begins. */
static inline void rm__table_prefetch(const struct rm_table *table, uint64_t hash)
{
    if (table->n_items > 0) {
        __builtin_prefetch(&table->slots[(size_t)hash & (table->n_slots - 1)]);
    }
}

/* The item that rm__table_find looks at first, which most often is the one, or NULL. */
void *rm__table_guess(const struct rm_table *table, uint64_t hash);

/* Adds an item that is not in the table. On error the table is unchanged. Errors: RM_ENOMEM. */
int rm__table_add(struct rm_table *table, uint64_t hash, void *item);

/* Makes room, so that adding cannot fail until the table holds @n_items. Errors: RM_ENOMEM. */
int rm__table_reserve(struct rm_table *table, size_t n_items);

/* Takes out @item, which is in the table under @hash. */
void rm__table_remove(struct rm_table *table, uint64_t hash, const void *item);

/* Allocated bytes. */
size_t rm__table_bytes(const struct rm_table *table);

/* The hash of bytes in a table. A key of several parts is hashed part by part, the hash of one
 * being the @seed of the next. */
uint64_t rm__table_hash(struct rm_slice bytes, uint64_t seed);

#endif
