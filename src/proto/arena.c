#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { SMALLEST_BLOCK = 256 };

struct block {
    struct block *older;
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

struct rm_arena {
    struct block *newest;
    bool has_failed;
    ProtobufCAllocator allocator;
};

static struct block *block_new(size_t size, struct block *older)
{
    struct block *block = size > SIZE_MAX - sizeof *block ? NULL : malloc(sizeof *block + size);

    if (block == NULL) {
        return NULL;
    }
    block->older = older;
    block->used = 0;
    block->size = size;
    return block;
}

static void *allocator_alloc(void *arena, size_t size)
{
    return rm__arena_alloc(arena, size);
}

static void allocator_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

struct rm_arena *rm__arena_new(size_t size_hint)
{
    struct rm_arena *arena = malloc(sizeof *arena);

    if (arena == NULL) {
        return NULL;
    }
    arena->newest = block_new(size_hint < SMALLEST_BLOCK ? SMALLEST_BLOCK : size_hint, NULL);
    if (arena->newest == NULL) {
        free(arena);
        return NULL;
    }
    arena->has_failed = false;
    arena->allocator = (ProtobufCAllocator){allocator_alloc, allocator_free, arena};
    return arena;
}

void rm__arena_free(struct rm_arena *arena)
{
    struct block *block;

    if (arena == NULL) {
        return;
    }
    block = arena->newest;
    while (block != NULL) {
        struct block *older = block->older;

        free(block);
        block = older;
    }
    free(arena);
}

void *rm__arena_alloc(struct rm_arena *arena, size_t size)
{
    struct block *block = arena->newest;
    size_t padded = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    void *memory;

    if (padded < size) {
        arena->has_failed = true;
        return NULL;
    }
    if (block->size - block->used < padded) {
        size_t next_size = block->size * 2 > padded ? block->size * 2 : padded;

        block = block_new(next_size, arena->newest);
        if (block == NULL) {
            arena->has_failed = true;
            return NULL;
        }
        arena->newest = block;
    }
    memory = block->bytes + block->used;
    block->used += padded;
    return memory;
}

bool rm__arena_has_failed(const struct rm_arena *arena)
{
    return arena->has_failed;
}

ProtobufCAllocator *rm__arena_allocator(struct rm_arena *arena)
{
    return &arena->allocator;
}
