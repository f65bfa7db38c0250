/* rm_store_values: frozen values, taken at once. */
#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/values_run.h"

int rm_store_values(struct rm_store *store, const struct rm_selection *selection, size_t limit,
                    const struct rm_position *before, struct rm_values *ret_values)
{
    struct rm_frozen_values *frozen;
    struct rm_values values = {0};
    size_t n = 0;
    int rv = rm_store_freeze_values(store, selection, limit, before, RM_VALUES_BY_TIME, &frozen);

    if (rv != 0) {
        return rv;
    }
    values = (struct rm_values){.points = malloc((frozen->n_points + 1) * sizeof *values.points),
                                .n_points = (size_t)frozen->n_points,
                                .n_total = frozen->n_total,
                                .has_older = frozen->has_older,
                                .series = frozen->series,
                                .n_series = frozen->n_series,
                                .frozen = frozen};
    rv = values.points == NULL ? RM_ENOMEM : 0;
    for (size_t done = 0; done < values.n_points && rv == 0; done += n) {
        rv = rm_frozen_values_next(frozen, values.points + done, values.n_points - done, &n);
    }
    if (rv != 0) {
        rm_values_done(&values);
        return rv;
    }
    *ret_values = values;
    return 0;
}

void rm_values_done(struct rm_values *values)
{
    free(values->points);
    rm_frozen_values_free(values->frozen);
    *values = (struct rm_values){0};
}
