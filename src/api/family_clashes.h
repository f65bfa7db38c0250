/* Which families of an exposition may be written: of those that have a name in common only the one
 * whose metric comes first, in byte order of the names as they are written, then as they are. Told
 * in that order it remembers little: only metrics whose names the present one begins with. */
#ifndef RAFTMETRICS_SRC_API_FAMILY_CLASHES_H
#define RAFTMETRICS_SRC_API_FAMILY_CLASHES_H

#include <stdint.h>

#include "exposed_family.h"
#include "raftmetrics/base/buffer.h"

/* Zeroed but for @style it knows of none. */
struct rm__family_clashes {
    struct rm_exposition_style style;
    struct rm__admitted_family *admitted; /* each metric's name begins with that of those before */
    size_t n_admitted;
    size_t capacity;
    uint64_t n_refused;
};

void rm__family_clashes_done(struct rm__family_clashes *clashes);

/* May the next family be written? Once a family. Errors: RM_ENOMEM. */
int rm__family_clashes_admit(struct rm__family_clashes *clashes, struct rm_slice metric,
                             enum rm__exposed_family family, bool *ret_is_admitted);

#endif
