#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/proto/arena.h"
#include "failing_malloc.h"
#include "random.h"

enum { N_PIECES = 2000 };

static void test_pieces_are_aligned_and_apart(void **state)
{
    struct random random = random_start("pieces_are_aligned_and_apart");
    struct rm_arena *arena = rm__arena_new(0);
    unsigned char *pieces[N_PIECES];
    size_t sizes[N_PIECES];

    (void)state;
    assert_non_null(arena);
    for (size_t i = 0; i < N_PIECES; i++) {
        sizes[i] = random_below(&random, i % 100 == 0 ? 100000 : 100);
        pieces[i] = rm__arena_alloc(arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < N_PIECES; i++) {
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(pieces[i][j], i % 251);
        }
    }
    rm__arena_free(arena);
}

static void test_what_the_hint_promised_needs_no_more_memory(void **state)
{
    struct rm_arena *arena = rm__arena_new(1 << 20);
    char *first;
    char *last;

    (void)state;
    first = rm__arena_alloc(arena, 16);
    for (int i = 0; i < 1000; i++) {
        last = rm__arena_alloc(arena, 1024);
    }
    assert_ptr_equal(last, first + 16 + 999 * 1024);
    rm__arena_free(arena);
}

static void test_sizes_that_no_memory_has(void **state)
{
    struct rm_arena *arena = rm__arena_new(0);

    (void)state;
    assert_false(rm__arena_has_failed(arena));
    for (size_t i = 0; i < 47; i++) { /* with a block's own bytes: past the end */
        assert_null(rm__arena_alloc(arena, SIZE_MAX - i));
    }
    assert_true(rm__arena_has_failed(arena));
    assert_non_null(rm__arena_alloc(arena, 16));
    assert_null(rm__arena_new(SIZE_MAX));
    assert_null(rm__arena_new(SIZE_MAX - 8));
    rm__arena_free(arena);
    rm__arena_free(NULL);
}

static void test_protobuf_allocator_is_the_arena(void **state)
{
    struct rm_arena *arena = rm__arena_new(4096);
    ProtobufCAllocator *allocator = rm__arena_allocator(arena);
    char *before = rm__arena_alloc(arena, 16);
    char *piece = allocator->alloc(allocator->allocator_data, 1);

    (void)state;
    assert_ptr_equal(piece, before + 16);
    allocator->free(allocator->allocator_data, piece);
    assert_ptr_not_equal(allocator->alloc(allocator->allocator_data, 1), piece);
    rm__arena_free(arena);
}

#if FAILING_MALLOC
static void test_out_of_memory(void **state)
{
    struct rm_arena *arena;

    (void)state;
    failing_malloc_arm(1);
    assert_null(rm__arena_new(0));
    failing_malloc_arm(2);
    assert_null(rm__arena_new(0));
    failing_malloc_disarm();
    arena = rm__arena_new(0);
    failing_malloc_arm(1);
    assert_null(rm__arena_alloc(arena, 1 << 20));
    assert_true(failing_malloc_disarm());
    assert_true(rm__arena_has_failed(arena));
    assert_non_null(rm__arena_alloc(arena, 1 << 20));
    rm__arena_free(arena);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_what_the_hint_promised_needs_no_more_memory),
        cmocka_unit_test(test_sizes_that_no_memory_has),
        cmocka_unit_test(test_protobuf_allocator_is_the_arena),
#if FAILING_MALLOC
        cmocka_unit_test(test_out_of_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
