#include "family_clashes.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name.h"

struct rm__admitted_family {
    enum rm__exposed_family family;
    size_t len;
    char metric[RM_METRIC_NAME_MAX]; /* as it is written */
};

void rm__family_clashes_done(struct rm__family_clashes *clashes)
{
    free(clashes->admitted);
    *clashes = (struct rm__family_clashes){.style = clashes->style};
}

static struct rm_slice metric_of(const struct rm__admitted_family *admitted)
{
    return rm_slice_make(admitted->metric, admitted->len);
}

/* Names are short: they were checked when they were recorded. */
static struct rm__admitted_family make(const struct rm__family_clashes *clashes,
                                       struct rm_slice metric, enum rm__exposed_family family)
{
    struct rm__admitted_family made = {.family = family, .len = metric.len};

    for (size_t i = 0; i < metric.len; i++) {
        char c = metric.data[i];

        made.metric[i] = clashes->style.keeps_names ? c : rm_exposition_escape_char(c);
    }
    return made;
}

/* What @metric's name does not begin with, no later one's does either. */
static void forget(struct rm__family_clashes *clashes, struct rm_slice metric)
{
    while (clashes->n_admitted > 0 &&
           !rm_slice_has_prefix(metric, metric_of(&clashes->admitted[clashes->n_admitted - 1]))) {
        clashes->n_admitted--;
    }
}

static int push(struct rm__family_clashes *clashes, const struct rm__admitted_family *family)
{
    if (clashes->n_admitted == clashes->capacity) {
        size_t capacity = clashes->capacity == 0 ? 4 : 2 * clashes->capacity;
        struct rm__admitted_family *admitted =
            realloc(clashes->admitted, capacity * sizeof *admitted);

        if (admitted == NULL) {
            return RM_ENOMEM;
        }
        clashes->admitted = admitted;
        clashes->capacity = capacity;
    }
    clashes->admitted[clashes->n_admitted++] = *family;
    return 0;
}

int rm__family_clashes_admit(struct rm__family_clashes *clashes, struct rm_slice metric,
                             enum rm__exposed_family family, bool *ret_is_admitted)
{
    struct rm__admitted_family made = make(clashes, metric, family);

    *ret_is_admitted = false;
    forget(clashes, metric_of(&made));
    for (size_t i = 0; i < clashes->n_admitted; i++) {
        const struct rm__admitted_family *other = &clashes->admitted[i];

        if (rm__exposed_families_clash(metric_of(&made), family, metric_of(other), other->family)) {
            clashes->n_refused++;
            return 0;
        }
    }
    *ret_is_admitted = true;
    return push(clashes, &made);
}
