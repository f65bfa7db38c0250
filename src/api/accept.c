#include "accept.h"

#include "media_type.h"
#include "raftmetrics/base/number.h"

/* The weight of a media range; 1 where it has none, 0 where it is not a number. */
static double weight_of(const struct rm__media_type *range)
{
    struct rm_slice text = rm__media_type_param(range, "q");
    double weight = 1;

    if (text.data != NULL && rm_double_parse(text, &weight) != 0) {
        return 0;
    }
    return weight;
}

/* Types are matched without case. */
static bool is_text(const struct rm__media_type *type)
{
    struct rm_slice prefix = rm_slice_of("text/");

    return rm__media_type_is(type, "application/openmetrics-text") ||
           (type->name.len >= prefix.len &&
            rm_slice_equal_nocase(rm_slice_make(type->name.data, prefix.len), prefix));
}

bool rm__accept_prefers_json(struct rm_slice accept)
{
    double json = 0;
    double text = 0;
    struct rm_slice text_of_range;

    while (rm_slice_next(&accept, ',', &text_of_range)) {
        struct rm__media_type range = rm__media_type_read(text_of_range);
        double weight = weight_of(&range);

        if (rm__media_type_is(&range, "application/json")) {
            json = weight > json ? weight : json;
        } else if (is_text(&range)) {
            text = weight > text ? weight : text;
        }
    }
    return json > text;
}
