#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/api/auth.h"

static const struct rm_token tokens[] = {
    {"old", "secret-old", RM_SCOPE_READ},
    {"new", "secret-new", RM_SCOPE_READ | RM_SCOPE_WRITE},
    {"spaced", "two words", RM_SCOPE_ADMIN},
};

enum { N_TOKENS = sizeof tokens / sizeof tokens[0] };

static const char *name_of(const char *authorization)
{
    const struct rm_token *token = rm__auth_token(tokens, N_TOKENS, rm_slice_of(authorization));

    return token == NULL ? "none" : token->name;
}

static void test_each_token_is_found(void **state)
{
    (void)state;
    assert_string_equal(name_of("Bearer secret-old"), "old");
    assert_string_equal(name_of("Bearer secret-new"), "new");
    assert_string_equal(name_of("Bearer two words"), "spaced");
}

static void test_scheme_without_case_and_token_with(void **state)
{
    (void)state;
    assert_string_equal(name_of("bearer secret-old"), "old");
    assert_string_equal(name_of("BEARER secret-old"), "old");
    assert_string_equal(name_of("Bearer    secret-old"), "old");
    assert_string_equal(name_of("Bearer Secret-old"), "none");
}

static void test_what_is_no_token(void **state)
{
    static const char *const fields[] = {
        "",
        "Bearer",
        "Bearer ",
        "secret-old",
        "Basic secret-old",
        "Bearersecret-old",
        "Bearer secret-ol",
        "Bearer secret-old2",
        "Bearer ecret-old",
        "Bearer secret-olD",
        "Bearer secret-oldsecret-old",
        "Bearer secret-old ",
        "Bearer\tsecret-old",
        " Bearer secret-old",
        "Cluster secret-old",
    };

    (void)state;
    assert_null(rm__auth_token(tokens, N_TOKENS, (struct rm_slice){NULL, 0}));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (rm__auth_token(tokens, N_TOKENS, rm_slice_of(fields[i])) != NULL) {
            fail_msg("\"%s\" was taken", fields[i]);
        }
    }
    assert_null(rm__auth_token(tokens, 0, rm_slice_of("Bearer secret-old")));
}

static void test_an_empty_secret_matches_nothing(void **state)
{
    static const struct rm_token empty[] = {{"empty", "", RM_SCOPE_ADMIN}};

    (void)state;
    assert_null(rm__auth_token(empty, 1, rm_slice_of("Bearer ")));
    assert_null(rm__auth_token(empty, 1, rm_slice_of("Bearer x")));
    assert_false(rm__auth_is_cluster("", rm_slice_of("Cluster ")));
    assert_false(rm__auth_is_cluster("", rm_slice_of("Cluster x")));
}

static void test_the_cluster_has_a_scheme_of_its_own(void **state)
{
    (void)state;
    assert_true(rm__auth_is_cluster("peers", rm_slice_of("Cluster peers")));
    assert_true(rm__auth_is_cluster("peers", rm_slice_of("cluster peers")));
    assert_false(rm__auth_is_cluster("peers", rm_slice_of("Bearer peers")));
    assert_false(rm__auth_is_cluster("peers", rm_slice_of("Cluster peer")));
    assert_false(rm__auth_is_cluster("peers", rm_slice_of("Cluster peerspeers")));
    assert_false(rm__auth_is_cluster("peers", (struct rm_slice){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_token_is_found),
        cmocka_unit_test(test_scheme_without_case_and_token_with),
        cmocka_unit_test(test_what_is_no_token),
        cmocka_unit_test(test_an_empty_secret_matches_nothing),
        cmocka_unit_test(test_the_cluster_has_a_scheme_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
