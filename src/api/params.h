/* The query of a URL: names and values, percent-decoded once. */
#ifndef RAFTMETRICS_SRC_API_PARAMS_H
#define RAFTMETRICS_SRC_API_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "raftmetrics/base/slice.h"

enum { RM__PARAMS_MAX = 128 };

struct rm__param {
    struct rm_slice name;
    struct rm_slice value;
};

struct rm__params {
    struct rm__param *items; /* owned; NULL where there are none */
    size_t n_items;
    char *text; /* owned: what the slices point into */
};

/* Decodes %XX of @text in place of itself into @ret_text (room for text.len), with '+' as a space
 * where @plus_is_space. Refuses bad escapes, %00 and invalid UTF-8.
 * Errors: RM_ESYNTAX; output undefined. */
int rm__percent_decode(struct rm_slice text, bool plus_is_space, char *ret_text, size_t *ret_len);

/* Errors: RM_ESYNTAX (an escape), RM_ETOOBIG (too many), RM_ENOMEM. */
int rm__params_init(struct rm__params *params, struct rm_slice query);
void rm__params_done(struct rm__params *params);

/* The first value of @name; data NULL where there is none. */
struct rm_slice rm__params_get(const struct rm__params *params, const char *name);

/* Every name is one of the space-separated @allowed, and stands once unless it is in
 * @repeatable. False: *@ret_culprit is the name that is not, *@ret_is_repeated why. */
bool rm__params_check(const struct rm__params *params, const char *allowed, const char *repeatable,
                      struct rm_slice *ret_culprit, bool *ret_is_repeated);

#endif
