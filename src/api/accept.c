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

/* ---- expositions ---- */

/* The best range for a syntax. */
struct offer {
    double weight; /* 0: there is none */
    size_t index;  /* of the range */
    bool keeps_names;
};

/* Names as they are came with version 1.0.0 of both. */
static bool is_known_version(enum rm_exposition_syntax syntax, struct rm_slice version,
                             bool *ret_may_keep_names)
{
    *ret_may_keep_names = rm_slice_is(version, "1.0.0");
    return version.data == NULL || *ret_may_keep_names ||
           (syntax == RM_EXPOSITION_TEXT && rm_slice_is(version, "0.0.4"));
}

static bool is_of_syntax(const struct rm__media_type *range, enum rm_exposition_syntax syntax)
{
    return syntax == RM_EXPOSITION_OPENMETRICS
               ? rm__media_type_is(range, "application/openmetrics-text")
               : rm__media_type_is(range, "text/plain") || rm__media_type_is(range, "text/*");
}

static struct offer find_offer(struct rm_slice accept, enum rm_exposition_syntax syntax)
{
    struct offer best = {0};
    struct rm_slice text;

    for (size_t i = 0; rm_slice_next(&accept, ',', &text); i++) {
        struct rm__media_type range = rm__media_type_read(text);
        double weight = weight_of(&range);
        bool may_keep_names;

        if (weight > best.weight && is_of_syntax(&range, syntax) &&
            is_known_version(syntax, rm__media_type_param(&range, "version"), &may_keep_names)) {
            best = (struct offer){
                .weight = weight,
                .index = i,
                .keeps_names = may_keep_names &&
                               rm_slice_is(rm__media_type_param(&range, "escaping"), "allow-utf-8"),
            };
        }
    }
    return best;
}

struct rm_exposition_style rm__accept_style_of(struct rm_slice accept,
                                               enum rm_exposition_syntax syntax)
{
    return (struct rm_exposition_style){.syntax = syntax,
                                        .keeps_names = find_offer(accept, syntax).keeps_names};
}

struct rm_exposition_style rm__accept_style(struct rm_slice accept)
{
    struct offer text = find_offer(accept, RM_EXPOSITION_TEXT);
    struct offer openmetrics = find_offer(accept, RM_EXPOSITION_OPENMETRICS);
    bool is_openmetrics = openmetrics.weight > text.weight ||
                          (openmetrics.weight > 0 && openmetrics.weight == text.weight &&
                           openmetrics.index < text.index);

    return rm__accept_style_of(accept,
                               is_openmetrics ? RM_EXPOSITION_OPENMETRICS : RM_EXPOSITION_TEXT);
}

/* ---- encodings ---- */

/* The weight that a coding is given by its name; negative where it is not named. */
static double weight_of_coding(struct rm_slice accept_encoding, const char *name)
{
    struct rm_slice text;

    while (rm_slice_next(&accept_encoding, ',', &text)) {
        struct rm__media_type coding = rm__media_type_read(text);

        if (rm__media_type_is(&coding, name)) {
            return weight_of(&coding);
        }
    }
    return -1;
}

bool rm__accept_gzip(struct rm_slice accept_encoding)
{
    double gzip = weight_of_coding(accept_encoding, "gzip");

    if (gzip < 0) {
        gzip = weight_of_coding(accept_encoding, "*");
    }
    return gzip > 0 && gzip >= weight_of_coding(accept_encoding, "identity");
}
