#include "vector.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"

void rm__vector_done(struct rm_vector *vector)
{
    free(vector->items);
    *vector = (struct rm_vector){0};
}

static int grow(struct rm_vector *vector)
{
    uint32_t capacity = vector->capacity == 0 ? 1 : vector->capacity * 2;
    void **items;

    if (capacity < vector->capacity) {
        return RM_ENOMEM;
    }
    items = realloc(vector->items, capacity * sizeof *items);
    if (items == NULL) {
        return RM_ENOMEM;
    }
    vector->items = items;
    vector->capacity = capacity;
    return 0;
}

int rm__vector_insert(struct rm_vector *vector, uint32_t index, void *item)
{
    int rv;

    assert(index <= vector->n);
    rv = vector->n < vector->capacity ? 0 : grow(vector);
    if (rv != 0) {
        return rv;
    }
    memmove(vector->items + index + 1, vector->items + index,
            (vector->n - index) * sizeof *vector->items);
    vector->items[index] = item;
    vector->n++;
    return 0;
}

void rm__vector_remove(struct rm_vector *vector, uint32_t index)
{
    rm__vector_remove_some(vector, index, 1);
}

void rm__vector_remove_some(struct rm_vector *vector, uint32_t index, uint32_t n)
{
    assert(n <= vector->n && index <= vector->n - n);
    if (n > 0) {
        vector->n -= n;
        memmove(vector->items + index, vector->items + index + n,
                (vector->n - index) * sizeof *vector->items);
    }
}

size_t rm__vector_bytes(const struct rm_vector *vector)
{
    return vector->capacity * sizeof *vector->items;
}
