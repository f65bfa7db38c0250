#include "params.h"

#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* The byte that the escape at the start of @text stands for; 0 for a bad one and for %00. */
static char unescape(struct rm_slice text)
{
    int high = text.len < 3 ? -1 : hex_digit(text.data[1]);
    int low = text.len < 3 ? -1 : hex_digit(text.data[2]);

    if (high < 0 || low < 0) {
        return '\0';
    }
    return (char)(high * 16 + low);
}

int rm__percent_decode(struct rm_slice text, bool plus_is_space, char *ret_text, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '%') {
            c = unescape(rm_slice_make(text.data + i, text.len - i));
            if (c == '\0') {
                return RM_ESYNTAX;
            }
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        ret_text[len++] = c;
    }
    if (!rm_utf8_is_valid(rm_slice_make(ret_text, len))) {
        return RM_ESYNTAX;
    }
    *ret_len = len;
    return 0;
}

/* Decodes @text to @cursor and moves it behind. */
static int decode_to(struct rm_slice text, char **cursor, struct rm_slice *ret_slice)
{
    size_t len = 0;
    int rv = rm__percent_decode(text, true, *cursor, &len);

    if (rv != 0) {
        return rv;
    }
    *ret_slice = rm_slice_make(*cursor, len);
    *cursor += len;
    return 0;
}

static int read_pair(struct rm__params *params, struct rm_slice pair, char **cursor)
{
    struct rm_slice name;
    struct rm__param *item = &params->items[params->n_items];
    int rv;

    rm_slice_next(&pair, '=', &name);
    rv = decode_to(name, cursor, &item->name);
    if (rv == 0) {
        rv = decode_to(pair, cursor, &item->value);
    }
    if (rv == 0) {
        params->n_items++;
    }
    return rv;
}

static size_t count_pairs(struct rm_slice query)
{
    struct rm_slice pair;
    size_t n = 0;

    while (rm_slice_next(&query, '&', &pair)) {
        n++;
    }
    return n;
}

int rm__params_init(struct rm__params *params, struct rm_slice query)
{
    size_t n_pairs = count_pairs(query);
    struct rm_slice pair;
    char *cursor;
    int rv = 0;

    *params = (struct rm__params){0};
    if (query.len == 0) {
        return 0;
    }
    if (n_pairs > RM__PARAMS_MAX) {
        return RM_ETOOBIG;
    }
    params->text = malloc(query.len);
    params->items = calloc(n_pairs, sizeof *params->items);
    if (params->text == NULL || params->items == NULL) {
        rm__params_done(params);
        return RM_ENOMEM;
    }
    cursor = params->text;
    while (rv == 0 && rm_slice_next(&query, '&', &pair)) {
        if (pair.len > 0) {
            rv = read_pair(params, pair, &cursor);
        }
    }
    if (rv != 0) {
        rm__params_done(params);
    }
    return rv;
}

void rm__params_done(struct rm__params *params)
{
    free(params->text);
    free(params->items);
    *params = (struct rm__params){0};
}

struct rm_slice rm__params_get(const struct rm__params *params, const char *name)
{
    for (size_t i = 0; i < params->n_items; i++) {
        if (rm_slice_is(params->items[i].name, name)) {
            return params->items[i].value;
        }
    }
    return (struct rm_slice){NULL, 0};
}

static bool is_among(struct rm_slice name, const char *names)
{
    struct rm_slice rest = rm_slice_of(names);
    struct rm_slice word;

    while (rm_slice_next(&rest, ' ', &word)) {
        if (word.len > 0 && rm_slice_equal(word, name)) {
            return true;
        }
    }
    return false;
}

static bool stands_before(const struct rm__params *params, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (rm_slice_equal(params->items[i].name, params->items[index].name)) {
            return true;
        }
    }
    return false;
}

bool rm__params_check(const struct rm__params *params, const char *allowed, const char *repeatable,
                      struct rm_slice *ret_culprit, bool *ret_is_repeated)
{
    for (size_t i = 0; i < params->n_items; i++) {
        struct rm_slice name = params->items[i].name;
        bool may_repeat = is_among(name, repeatable);
        bool is_repeated = !may_repeat && stands_before(params, i);

        if (is_repeated || !(may_repeat || is_among(name, allowed))) {
            *ret_culprit = name;
            *ret_is_repeated = is_repeated;
            return false;
        }
    }
    return true;
}
