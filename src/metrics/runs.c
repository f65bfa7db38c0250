#include "runs.h"

#include <stdlib.h>
#include <string.h>

struct rm_run *rm__runs_at(struct rm_runs *runs, uint32_t index)
{
    if (index >= runs->n) {
        uint32_t n = index + 1 + index / 2;
        struct rm_run *items = realloc(runs->items, n * sizeof *items);

        if (items == NULL) {
            return NULL;
        }
        memset(items + runs->n, 0, (n - runs->n) * sizeof *items);
        *runs = (struct rm_runs){items, n};
    }
    return &runs->items[index];
}

void rm__runs_forget(struct rm_runs *runs, uint32_t chunk)
{
    if (chunk / RM_RUN_CHUNKS < runs->n) {
        runs->items[chunk / RM_RUN_CHUNKS] = (struct rm_run){0};
    }
}

void rm__runs_forget_from(struct rm_runs *runs, uint32_t chunk)
{
    for (uint32_t run = chunk / RM_RUN_CHUNKS; run < runs->n; run++) {
        runs->items[run] = (struct rm_run){0};
    }
}

void rm__runs_done(struct rm_runs *runs)
{
    free(runs->items);
    *runs = (struct rm_runs){0};
}
