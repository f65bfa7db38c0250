#include "auth.h"

/* Takes as long for a wrong secret as for the right one; only the length of what was sent shows. */
static bool is_secret(struct rm_slice given, const char *secret)
{
    size_t len = strlen(secret);
    unsigned char difference = given.len == len ? 0 : 1;

    for (size_t i = 0; i < given.len; i++) {
        difference |= (unsigned char)(given.data[i] ^ secret[len == 0 ? 0 : i % len]);
    }
    return difference == 0 && len > 0;
}

/* What follows "@scheme " in @authorization; the scheme is matched without case. */
static bool credentials_of(struct rm_slice authorization, const char *scheme,
                           struct rm_slice *ret_credentials)
{
    struct rm_slice rest = authorization;
    struct rm_slice head;

    if (!rm_slice_next(&rest, ' ', &head) || rest.data == NULL ||
        !rm_slice_equal_nocase(head, rm_slice_of(scheme))) {
        return false;
    }
    while (rest.len > 0 && rest.data[0] == ' ') {
        rest = rm_slice_make(rest.data + 1, rest.len - 1);
    }
    *ret_credentials = rest;
    return true;
}

const struct rm_token *rm__auth_token(const struct rm_token *tokens, size_t n_tokens,
                                      struct rm_slice authorization)
{
    const struct rm_token *match = NULL;
    struct rm_slice given;

    if (!credentials_of(authorization, "Bearer", &given)) {
        return NULL;
    }
    for (size_t i = 0; i < n_tokens; i++) {
        if (is_secret(given, tokens[i].secret)) {
            match = &tokens[i];
        }
    }
    return match;
}

bool rm__auth_is_cluster(const char *cluster_secret, struct rm_slice authorization)
{
    struct rm_slice given;

    return credentials_of(authorization, "Cluster", &given) && is_secret(given, cluster_secret);
}
