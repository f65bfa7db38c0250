#include "media_type.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct rm_slice trim(struct rm_slice text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = rm_slice_make(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static struct rm_slice unquote(struct rm_slice text)
{
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"') {
        return rm_slice_make(text.data + 1, text.len - 2);
    }
    return text;
}

struct rm__media_type rm__media_type_read(struct rm_slice text)
{
    struct rm__media_type type = {.params = text};

    if (rm_slice_next(&type.params, ';', &type.name)) {
        type.name = trim(type.name);
    }
    return type;
}

bool rm__media_type_is(const struct rm__media_type *type, const char *name)
{
    return rm_slice_equal_nocase(type->name, rm_slice_of(name));
}

struct rm_slice rm__media_type_param(const struct rm__media_type *type, const char *name)
{
    struct rm_slice rest = type->params;
    struct rm_slice param;

    while (rm_slice_next(&rest, ';', &param)) {
        struct rm_slice value = trim(param);
        struct rm_slice key;

        rm_slice_next(&value, '=', &key);
        if (value.data != NULL && rm_slice_equal_nocase(trim(key), rm_slice_of(name))) {
            return unquote(trim(value));
        }
    }
    return (struct rm_slice){NULL, 0};
}
