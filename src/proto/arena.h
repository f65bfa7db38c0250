/* Memory that is given out piece by piece and freed as one. */
#ifndef RAFTMETRICS_SRC_PROTO_ARENA_H
#define RAFTMETRICS_SRC_PROTO_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct rm_arena;

/* @size_hint: how much will probably be asked for. NULL when out of memory. */
struct rm_arena *rm__arena_new(size_t size_hint);
void rm__arena_free(struct rm_arena *arena);

/* Aligned for anything, not cleared. NULL when out of memory. */
void *rm__arena_alloc(struct rm_arena *arena, size_t size);

/* Was any of it refused? protobuf-c does not tell that from malformed bytes. */
bool rm__arena_has_failed(const struct rm_arena *arena);

/* For protobuf-c: allocates from the arena, frees nothing. Lives as long as the arena. */
ProtobufCAllocator *rm__arena_allocator(struct rm_arena *arena);

#endif
