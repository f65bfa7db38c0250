/* A growable array of pointers; owns the array, not what they point to. Zeroed it is empty. */
#ifndef RAFTMETRICS_SRC_METRICS_VECTOR_H
#define RAFTMETRICS_SRC_METRICS_VECTOR_H

#include <stddef.h>
#include <stdint.h>

/* 32-bit counts: there is one vector in every series. */
struct rm_vector {
    void **items;
    uint32_t n;
    uint32_t capacity;
};

void rm__vector_done(struct rm_vector *vector);

/* Inserts in front of item @index, at most n. On error the vector is unchanged.
 * Errors: RM_ENOMEM. */
int rm__vector_insert(struct rm_vector *vector, uint32_t index, void *item);

void rm__vector_remove(struct rm_vector *vector, uint32_t index);

/* Removes @n items from item @index on. */
void rm__vector_remove_some(struct rm_vector *vector, uint32_t index, uint32_t n);

/* Allocated bytes. */
size_t rm__vector_bytes(const struct rm_vector *vector);

#endif
