#include "raftmetrics/base/exposition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"

enum {
    NAME_BYTES_MAX = 64 << 10,
    LABELS_BYTES_MAX = 4 << 20,
    INTEGER_TEXT_MAX = 24,
    PUNCTUATION_MAX = 16, /* of a sample, all that is not name, label or value */
    /* Without an exponent are the numbers from 1e-4 to below 1e6, as other exporters write them: le
     * is a label, and series are told apart by its text. */
    PLAIN_EXPONENT_MIN = -4,
    PLAIN_EXPONENT_MAX = 5,
};

/* ---- bytes ---- */

static void append(struct rm_exposition *exposition, const void *data, size_t len)
{
    if (exposition->error == 0) {
        exposition->error = rm_buffer_append(exposition->buffer, data, len);
    }
}

static void append_text(struct rm_exposition *exposition, const char *text)
{
    append(exposition, text, strlen(text));
}

static void append_buffer(struct rm_exposition *exposition, const struct rm_buffer *text)
{
    append(exposition, text->data, text->len);
}

static void append_uint(struct rm_exposition *exposition, uint64_t value)
{
    char text[INTEGER_TEXT_MAX];
    size_t at = sizeof text;

    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    append(exposition, text + at, sizeof text - at);
}

static void append_double(struct rm_exposition *exposition, double value)
{
    char text[RM_DOUBLE_TEXT_MAX];

    if (isinf(value)) {
        append_text(exposition, value > 0 ? "+Inf" : "-Inf");
    } else {
        append(exposition, text, rm_double_format(value, text));
    }
}

/* Puts a backslash before backslashes, before quotes if they are to be escaped, and in place of
 * line feeds. */
static int append_escaped(struct rm_buffer *buffer, struct rm_slice text, bool escapes_quotes)
{
    size_t plain = 0;
    int rv = 0;

    for (size_t i = 0; rv == 0 && i < text.len; i++) {
        char c = text.data[i];

        if (c != '\\' && c != '\n' && !(c == '"' && escapes_quotes)) {
            continue;
        }
        rv = rm_buffer_append(buffer, text.data + plain, i - plain);
        if (rv == 0) {
            rv = rm_buffer_append_text(buffer, c == '\n' ? "\\n" : c == '"' ? "\\\"" : "\\\\");
        }
        plain = i + 1;
    }
    return rv == 0 ? rm_buffer_append(buffer, text.data + plain, text.len - plain) : rv;
}

/* ---- names ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Is @name one that needs no quotes? Only metrics' names may have colons. */
static bool is_plain(struct rm_slice name, bool allows_colons)
{
    for (size_t i = 0; i < name.len; i++) {
        if (rm_exposition_escape_char(name.data[i]) != name.data[i] ||
            (name.data[i] == ':' && !allows_colons)) {
            return false;
        }
    }
    return name.len > 0 && !is_digit(name.data[0]);
}

static int append_name(struct rm_buffer *buffer, struct rm_exposition_style style,
                       struct rm_slice name)
{
    int rv;

    if (style.keeps_names) {
        return append_escaped(buffer, name, true);
    }
    rv = rm_buffer_reserve(buffer, name.len);
    for (size_t i = 0; rv == 0 && i < name.len; i++) {
        buffer->data[buffer->len++] = rm_exposition_escape_char(name.data[i]);
    }
    return rv;
}

int rm_exposition_compare_names(struct rm_exposition_style style, struct rm_slice a,
                                struct rm_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;

    for (size_t i = 0; !style.keeps_names && i < n; i++) {
        unsigned char left = (unsigned char)rm_exposition_escape_char(a.data[i]);
        unsigned char right = (unsigned char)rm_exposition_escape_char(b.data[i]);

        if (left != right) {
            return left < right ? -1 : 1;
        }
    }
    if (!style.keeps_names && a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return rm_slice_compare(a, b);
}

/* ---- families ---- */

/* OpenMetrics names the family of a counter without the suffix of its sample. */
static size_t family_len(const struct rm_exposition *exposition)
{
    static const char total[] = "_total";
    size_t len = exposition->name.len;
    size_t suffix = sizeof total - 1;

    if (exposition->style.syntax == RM_EXPOSITION_OPENMETRICS &&
        exposition->type == RM_EXPOSITION_COUNTER && len > suffix &&
        memcmp(exposition->name.data + len - suffix, total, suffix) == 0) {
        return len - suffix;
    }
    return len;
}

static void write_meta(struct rm_exposition *exposition, const char *keyword)
{
    append_text(exposition, keyword);
    append_text(exposition, exposition->is_quoted ? " \"" : " ");
    append_buffer(exposition, &exposition->name);
    append_text(exposition, exposition->is_quoted ? "\" " : " ");
}

void rm_exposition_go_on(struct rm_exposition *exposition, struct rm_slice metric,
                         const char *suffix, enum rm_exposition_type type)
{
    if (exposition->error != 0) {
        return;
    }
    exposition->type = type;
    exposition->is_quoted = exposition->style.keeps_names && !is_plain(metric, true);
    rm_buffer_clear(&exposition->labels);
    rm_buffer_clear(&exposition->name);
    exposition->error = append_name(&exposition->name, exposition->style, metric);
    if (exposition->error == 0) {
        exposition->error = rm_buffer_append_text(&exposition->name, suffix);
    }
    exposition->name.len = family_len(exposition);
}

void rm_exposition_family(struct rm_exposition *exposition, struct rm_slice metric,
                          const char *suffix, enum rm_exposition_type type, struct rm_slice help)
{
    static const char *const types[] = {[RM_EXPOSITION_COUNTER] = "counter\n",
                                        [RM_EXPOSITION_GAUGE] = "gauge\n",
                                        [RM_EXPOSITION_HISTOGRAM] = "histogram\n"};
    bool is_openmetrics = exposition->style.syntax == RM_EXPOSITION_OPENMETRICS;

    rm_exposition_go_on(exposition, metric, suffix, type);
    write_meta(exposition, "# HELP");
    if (exposition->error == 0) {
        exposition->error = append_escaped(exposition->buffer, help, is_openmetrics);
    }
    append(exposition, "\n", 1);
    write_meta(exposition, "# TYPE");
    append_text(exposition, types[type]);
}

/* ---- samples ---- */

static int write_label(struct rm_exposition *exposition, const struct rm_label *label)
{
    struct rm_buffer *labels = &exposition->labels;
    bool is_quoted = exposition->style.keeps_names && !is_plain(label->name, false);
    int rv = rm_buffer_append_text(labels, is_quoted ? "\"" : "");

    if (rv == 0) {
        rv = append_name(labels, exposition->style, label->name);
    }
    if (rv == 0) {
        rv = rm_buffer_append_text(labels, is_quoted ? "\"=\"" : "=\"");
    }
    if (rv == 0) {
        rv = append_escaped(labels, label->value, true);
    }
    return rv == 0 ? rm_buffer_append_byte(labels, '"') : rv;
}

void rm_exposition_labels(struct rm_exposition *exposition, const struct rm_label *labels,
                          size_t n_labels)
{
    rm_buffer_clear(&exposition->labels);
    for (size_t i = 0; exposition->error == 0 && i < n_labels; i++) {
        if (i > 0) {
            exposition->error = rm_buffer_append_byte(&exposition->labels, ',');
        }
        if (exposition->error == 0) {
            exposition->error = write_label(exposition, &labels[i]);
        }
    }
}

static char *put(char *at, const void *data, size_t len)
{
    if (len > 0) {
        memcpy(at, data, len);
    }
    return at + len;
}

static char *put_text(char *at, const char *text)
{
    return put(at, text, strlen(text));
}

/* Everything before the value. @le: the text of that label, empty where it has none. In one piece,
 * for most of an exposition is this. */
static void begin_sample(struct rm_exposition *exposition, struct rm_slice suffix,
                         struct rm_slice le)
{
    const struct rm_buffer *name = &exposition->name;
    const struct rm_buffer *labels = &exposition->labels;
    bool is_quoted = exposition->is_quoted;
    bool has_labels = labels->len > 0 || le.len > 0;
    char *at;

    if (exposition->error == 0) {
        exposition->error = rm_buffer_reserve(
            exposition->buffer, name->len + suffix.len + labels->len + le.len + PUNCTUATION_MAX);
    }
    if (exposition->error != 0) {
        return;
    }
    at = exposition->buffer->data + exposition->buffer->len;
    at = put_text(at, is_quoted ? "{\"" : "");
    at = put(at, name->data, name->len);
    at = put(at, suffix.data, suffix.len);
    at = put_text(at, is_quoted ? "\"" : "");
    at = put_text(at, !has_labels ? "" : is_quoted ? "," : "{");
    at = put(at, labels->data, labels->len);
    if (le.len > 0) {
        at = put_text(at, labels->len > 0 ? ",le=\"" : "le=\"");
        at = put(at, le.data, le.len);
        at = put_text(at, "\"");
    }
    at = put_text(at, has_labels || is_quoted ? "} " : " ");
    exposition->buffer->len = (size_t)(at - exposition->buffer->data);
}

static const struct rm_slice nothing = {"", 0};

static struct rm_slice suffix_of(const struct rm_exposition *exposition)
{
    return exposition->style.syntax == RM_EXPOSITION_OPENMETRICS &&
                   exposition->type == RM_EXPOSITION_COUNTER
               ? rm_slice_of("_total")
               : nothing;
}

void rm_exposition_value(struct rm_exposition *exposition, double value)
{
    begin_sample(exposition, suffix_of(exposition), nothing);
    append_double(exposition, value);
    append(exposition, "\n", 1);
}

void rm_exposition_count(struct rm_exposition *exposition, uint64_t value)
{
    begin_sample(exposition, suffix_of(exposition), nothing);
    append_uint(exposition, value);
    append(exposition, "\n", 1);
}

/* The digits of a number's text without sign and zeros in front and at the end; *@ret_exponent is
 * that of the first of them. */
static size_t split_digits(const char *text, char *ret_digits, int *ret_exponent)
{
    size_t n = 0;
    int point = 0; /* digits before it, those that are left out included */
    bool has_point = false;

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text == '.') {
            has_point = true;
        } else if (is_digit(*text)) {
            if (n > 0 || *text != '0') {
                ret_digits[n++] = *text;
                point += !has_point;
            } else {
                point -= has_point;
            }
        }
    }
    while (n > 0 && ret_digits[n - 1] == '0') {
        n--;
    }
    *ret_exponent = point - 1 + (*text == 'e' ? atoi(text + 1) : 0);
    return n;
}

/* A bound as the exporters of Prometheus write it: 0.001, 2.5e+06, 1e-05. */
static void format_bound(double bound, bool is_float, char ret_text[RM_EXPOSITION_BOUND_TEXT_MAX])
{
    char shortest[RM_DOUBLE_TEXT_MAX];
    char digits[RM_DOUBLE_TEXT_MAX];
    int exponent;
    size_t n;

    if (isinf(bound)) {
        snprintf(ret_text, RM_EXPOSITION_BOUND_TEXT_MAX, "%s", bound > 0 ? "+Inf" : "-Inf");
        return;
    }
    (void)rm_double_format(bound, shortest);
    n = split_digits(shortest, digits, &exponent);
    if (n == 0 || (exponent >= PLAIN_EXPONENT_MIN && exponent <= PLAIN_EXPONENT_MAX)) {
        snprintf(ret_text, RM_EXPOSITION_BOUND_TEXT_MAX, "%s%s", shortest,
                 is_float && strchr(shortest, '.') == NULL ? ".0" : "");
        return;
    }
    snprintf(ret_text, RM_EXPOSITION_BOUND_TEXT_MAX, "%s%c%s%.*se%+03d", bound < 0 ? "-" : "",
             digits[0], n > 1 ? "." : "", (int)n - 1, digits + 1, exponent);
}

/* The text of a bound, found again for the next series. */
static const char *text_of_bound(struct rm_exposition *exposition, double bound)
{
    struct rm_exposition_bound *known;
    uint64_t bits;

    memcpy(&bits, &bound, sizeof bits);
    known = &exposition->bounds[bits * UINT64_C(0x9e3779b97f4a7c15) >> 58];
    if (known->text[0] == '\0' || known->bits != bits) {
        known->bits = bits;
        format_bound(bound, exposition->style.syntax == RM_EXPOSITION_OPENMETRICS, known->text);
    }
    return known->text;
}

void rm_exposition_bucket(struct rm_exposition *exposition, double bound, uint64_t count)
{
    begin_sample(exposition, rm_slice_of("_bucket"), rm_slice_of(text_of_bound(exposition, bound)));
    append_uint(exposition, count);
    append(exposition, "\n", 1);
}

void rm_exposition_total(struct rm_exposition *exposition, uint64_t count, const double *sum)
{
    if (sum != NULL) {
        begin_sample(exposition, rm_slice_of("_sum"), nothing);
        append_double(exposition, *sum);
        append(exposition, "\n", 1);
    }
    if (sum == NULL && exposition->style.syntax == RM_EXPOSITION_OPENMETRICS) {
        return; /* there the two stand together or not at all; the last bucket says the count */
    }
    begin_sample(exposition, rm_slice_of("_count"), nothing);
    append_uint(exposition, count);
    append(exposition, "\n", 1);
}

/* ---- all of it ---- */

void rm_exposition_init(struct rm_exposition *exposition, struct rm_exposition_style style,
                        struct rm_buffer *buffer)
{
    *exposition = (struct rm_exposition){.buffer = buffer, .style = style};
    rm_buffer_init(&exposition->name, NAME_BYTES_MAX);
    rm_buffer_init(&exposition->labels, LABELS_BYTES_MAX);
}

void rm_exposition_done(struct rm_exposition *exposition)
{
    rm_buffer_done(&exposition->name);
    rm_buffer_done(&exposition->labels);
}

struct rm_slice rm_exposition_end_text(struct rm_exposition_style style)
{
    return rm_slice_of(style.syntax == RM_EXPOSITION_OPENMETRICS ? "# EOF\n" : "");
}

void rm_exposition_end(struct rm_exposition *exposition)
{
    struct rm_slice end = rm_exposition_end_text(exposition->style);

    append(exposition, end.data, end.len);
}

int rm_exposition_finish(const struct rm_exposition *exposition)
{
    return exposition->error;
}

const char *rm_exposition_content_type(struct rm_exposition_style style)
{
    if (style.syntax == RM_EXPOSITION_OPENMETRICS) {
        return style.keeps_names ? "application/openmetrics-text; version=1.0.0; charset=utf-8; "
                                   "escaping=allow-utf-8"
                                 : "application/openmetrics-text; version=1.0.0; charset=utf-8; "
                                   "escaping=underscores";
    }
    return style.keeps_names ? "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
                             : "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
}
