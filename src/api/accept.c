#include "accept.h"

#include "raftmetrics/base/number.h"

static struct rm_slice trim(struct rm_slice text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = rm_slice_make(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* The weight among the parameters of a media range; 1 where it has none. */
static double weight_of(struct rm_slice params)
{
    struct rm_slice param;
    double weight = 1;

    while (rm_slice_next(&params, ';', &param)) {
        struct rm_slice value = trim(param);
        struct rm_slice name;

        rm_slice_next(&value, '=', &name);
        if (rm_slice_equal_nocase(name, rm_slice_of("q")) && value.data != NULL &&
            rm_double_parse(value, &weight) != 0) {
            weight = 0;
        }
    }
    return weight;
}

/* Types are matched without case. */
static bool is_text(struct rm_slice type)
{
    struct rm_slice prefix = rm_slice_of("text/");

    return rm_slice_equal_nocase(type, rm_slice_of("application/openmetrics-text")) ||
           (type.len >= prefix.len &&
            rm_slice_equal_nocase(rm_slice_make(type.data, prefix.len), prefix));
}

bool rm__accept_prefers_json(struct rm_slice accept)
{
    double json = 0;
    double text = 0;
    struct rm_slice range;

    while (rm_slice_next(&accept, ',', &range)) {
        struct rm_slice params = trim(range);
        struct rm_slice type;
        double weight;

        rm_slice_next(&params, ';', &type);
        type = trim(type);
        weight = weight_of(params);
        if (rm_slice_equal_nocase(type, rm_slice_of("application/json"))) {
            json = weight > json ? weight : json;
        } else if (is_text(type)) {
            text = weight > text ? weight : text;
        }
    }
    return json > text;
}
