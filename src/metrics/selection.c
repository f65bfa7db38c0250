#include "selection.h"

bool rm__selection_has(const struct rm_selection *selection, const struct rm_series *series)
{
    for (size_t i = 0; i < selection->n_matchers; i++) {
        const struct rm_label *matcher = &selection->matchers[i];

        if (!rm_slice_equal(rm__series_label(series, matcher->name), matcher->value)) {
            return false;
        }
    }
    return true;
}

struct rm_position rm__selection_first(const struct rm_selection *selection)
{
    return (struct rm_position){selection->from_ms, 0};
}

/* The last millisecond there is can only be selected by a range that has no end. */
struct rm_position rm__selection_end(const struct rm_selection *selection)
{
    return (struct rm_position){selection->to_ms, selection->to_ms == INT64_MAX ? UINT64_MAX : 0};
}
