#include "items.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name.h"
#include "wide_integers.h"

enum { WHERE_MAX = 32 };

/* The state of reading one body. */
struct reader {
    struct rm__items *items;
    const struct rm__items_context *context;
    struct rm__problem *problem;
    size_t n_labels;
    bool is_batch;
    size_t index;          /* of the item at hand, in a batch */
    char where[WHERE_MAX]; /* "metrics[3]: ", once something is refused */
};

/* Only a refusal pays for its place's text. */
static const char *place(struct reader *reader)
{
    if (reader->is_batch) {
        snprintf(reader->where, sizeof reader->where, "metrics[%zu]: ", reader->index);
    }
    return reader->where;
}

#define REFUSE(reader, kind, format, ...)                                                          \
    (rm__problem_set((reader)->problem, kind, "%s" format, place(reader), ##__VA_ARGS__), RM_EINVAL)

static struct rm_slice text_of(const json_t *json)
{
    return rm_slice_make(json_string_value(json), json_string_length(json));
}

static int read_name(struct reader *reader, const json_t *json, struct rm_sample *sample)
{
    if (!json_is_string(json)) {
        return REFUSE(reader, RM__INVALID_METRIC_NAME, "metric_name must be a string");
    }
    sample->metric_name = text_of(json);
    if (!rm_metric_name_is_valid(sample->metric_name)) {
        return REFUSE(reader, RM__INVALID_METRIC_NAME,
                      "metric_name \"%.*s\" must start with a letter, '_' or ':', go on with "
                      "those, digits, '.', '-' and '/', and have at most %d bytes",
                      RM__QUOTE(sample->metric_name), RM_METRIC_NAME_MAX);
    }
    return 0;
}

static int read_value(struct reader *reader, const json_t *json, struct rm_sample *sample)
{
    if (!json_is_number(json)) {
        return REFUSE(reader, RM__INVALID_VALUE, "value must be a number");
    }
    sample->value = json_number_value(json);
    return 0;
}

/* A count of the context's precision; jansson may hold it as a double. */
static int read_count(const json_t *json, int64_t *ret_count)
{
    double real;

    if (json_is_integer(json)) {
        *ret_count = json_integer_value(json);
        return 0;
    }
    real = json_real_value(json);
    if (real != trunc(real) || fabs(real) >= 0x1p63) {
        return RM_ERANGE;
    }
    *ret_count = (int64_t)real;
    if (fabs(real) > 0x1p53) { /* it stands for what lies nearest to it, some of that above it */
        *ret_count += (int64_t)((nextafter(real, INFINITY) - real) / 2);
    }
    return 0;
}

static int read_timestamp(struct reader *reader, const json_t *json, struct rm_sample *sample)
{
    int64_t count = 0;
    int rv;

    if (json_is_string(json)) {
        rv = rm_timestamp_parse(text_of(json), &sample->timestamp_ms);
    } else if (json_is_number(json)) {
        rv = read_count(json, &count);
        if (rv == 0) {
            rv = rm_timestamp_from_int(count, reader->context->precision, &sample->timestamp_ms);
        }
    } else {
        rv = RM_ESYNTAX;
    }
    switch (rv) {
    case 0:
        return 0;
    case RM_EAMBIGUOUS:
        return REFUSE(reader, RM__AMBIGUOUS_TIMESTAMP,
                      "timestamp looks like seconds; send milliseconds, or say what it is with "
                      "?precision=s, ms, us or ns");
    case RM_ERANGE:
        return REFUSE(reader, RM__INVALID_TIMESTAMP,
                      "timestamp must be a whole number within the years 1 to 9999");
    default:
        return REFUSE(reader, RM__INVALID_TIMESTAMP,
                      "timestamp must be RFC 3339, as 2024-11-25T20:59:23.376Z, or an integer of "
                      "milliseconds since the epoch");
    }
}

static int read_label(struct reader *reader, const char *name, const json_t *json,
                      struct rm_label *label)
{
    const struct rm_api_limits *limits = reader->context->limits;

    label->name = rm_slice_of(name);
    if (!rm_label_name_is_valid(label->name) || label->name.len > limits->max_label_name_bytes) {
        return REFUSE(reader, RM__INVALID_LABELS,
                      "label name \"%.*s\" must start with a letter or '_', go on with those, "
                      "digits, '.', '-' and '/', have at most %zu bytes, and not be \"le\" or "
                      "start with \"__\"",
                      RM__QUOTE(label->name), limits->max_label_name_bytes);
    }
    if (!json_is_string(json)) {
        return REFUSE(reader, RM__INVALID_LABELS, "label \"%.*s\" must have a string as its value",
                      RM__QUOTE(label->name));
    }
    label->value = text_of(json);
    if (!rm_label_value_is_valid(label->value) ||
        label->value.len > limits->max_label_value_bytes) {
        return REFUSE(reader, RM__INVALID_LABELS,
                      "the value of label \"%.*s\" must have at most %zu bytes and no control "
                      "characters",
                      RM__QUOTE(label->name), limits->max_label_value_bytes);
    }
    return 0;
}

static int read_labels(struct reader *reader, json_t *json, struct rm_sample *sample)
{
    struct rm_label *labels = reader->items->labels + reader->n_labels;
    size_t n = 0;
    struct rm_slice culprit;
    const char *name;
    json_t *value;

    if (!json_is_object(json)) {
        return REFUSE(reader, RM__INVALID_LABELS, "labels must be an object of strings");
    }
    if (json_object_size(json) > reader->context->limits->max_labels) {
        return REFUSE(reader, RM__INVALID_LABELS, "labels may have at most %u entries",
                      reader->context->limits->max_labels);
    }
    json_object_foreach(json, name, value)
    {
        int rv = read_label(reader, name, value, &labels[n++]);

        if (rv != 0) {
            return rv;
        }
    }
    if (rm_labels_canonicalize(labels, &n, &culprit) != 0) {
        return REFUSE(reader, RM__INVALID_LABELS,
                      "label \"%.*s\" stands twice once '.', '/' and '-' are written as '_'",
                      RM__QUOTE(culprit));
    }
    sample->labels = labels;
    sample->n_labels = n;
    reader->n_labels += n;
    return 0;
}

static int read_field(struct reader *reader, const char *key, json_t *json,
                      struct rm_sample *sample)
{
    if (strcmp(key, "metric_name") == 0) {
        return read_name(reader, json, sample);
    }
    if (strcmp(key, "value") == 0) {
        return read_value(reader, json, sample);
    }
    if (strcmp(key, "timestamp") == 0) {
        return read_timestamp(reader, json, sample);
    }
    if (strcmp(key, "labels") == 0) {
        return read_labels(reader, json, sample);
    }
    return REFUSE(reader, RM__UNKNOWN_FIELD,
                  "\"%.*s\" is not a field; there are metric_name, value, timestamp and labels",
                  RM__QUOTE(rm_slice_of(key)));
}

static int read_item(struct reader *reader, json_t *json, struct rm_sample *sample)
{
    const char *key;
    json_t *value;

    if (!json_is_object(json)) {
        return REFUSE(reader, RM__INVALID_BODY, "the item must be an object");
    }
    *sample = (struct rm_sample){.value = NAN, .timestamp_ms = reader->context->now_ms};
    json_object_foreach(json, key, value)
    {
        int rv = read_field(reader, key, value, sample);

        if (rv != 0) {
            return rv;
        }
    }
    if (sample->metric_name.data == NULL) {
        return REFUSE(reader, RM__MISSING_FIELD, "metric_name is missing");
    }
    if (isnan(sample->value)) {
        return REFUSE(reader, RM__MISSING_FIELD, "value is missing");
    }
    return 0;
}

static size_t count_labels(const json_t *item)
{
    return json_object_size(json_object_get(item, "labels"));
}

static int allocate(struct rm__items *items, size_t n_samples, size_t n_labels)
{
    items->samples = malloc((n_samples + 1) * sizeof *items->samples);
    items->labels = malloc((n_labels + 1) * sizeof *items->labels);
    return items->samples == NULL || items->labels == NULL ? RM_ENOMEM : 0;
}

static int read_single(struct reader *reader, json_t *root)
{
    int rv = allocate(reader->items, 1, count_labels(root));

    if (rv == 0) {
        rv = read_item(reader, root, &reader->items->samples[0]);
    }
    if (rv == 0) {
        reader->items->n_samples = 1;
    }
    return rv;
}

/* The array of a batch; NULL where *problem is set. */
static json_t *find_array(struct reader *reader, json_t *root)
{
    json_t *array = json_object_get(root, "metrics");
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value)
    {
        if (value != array) {
            (void)REFUSE(reader, RM__UNKNOWN_FIELD,
                         "\"%.*s\" is not a field; a batch has only metrics",
                         RM__QUOTE(rm_slice_of(key)));
            return NULL;
        }
    }
    if (array == NULL) {
        (void)REFUSE(reader, RM__MISSING_FIELD, "metrics is missing: an array of items");
        return NULL;
    }
    if (!json_is_array(array)) {
        (void)REFUSE(reader, RM__INVALID_BODY, "metrics must be an array of items");
        return NULL;
    }
    if (json_array_size(array) > reader->context->limits->max_batch_items) {
        (void)REFUSE(reader, RM__TOO_MANY_ITEMS,
                     "metrics has %zu items; send at most %zu at a time", json_array_size(array),
                     reader->context->limits->max_batch_items);
        return NULL;
    }
    return array;
}

static int read_batch(struct reader *reader, json_t *root)
{
    json_t *array = find_array(reader, root);
    size_t n_labels = 0;
    size_t i;
    json_t *item;
    int rv;

    if (array == NULL) {
        return RM_EINVAL;
    }
    json_array_foreach(array, i, item)
    {
        n_labels += count_labels(item);
    }
    rv = allocate(reader->items, json_array_size(array), n_labels);
    json_array_foreach(array, i, item)
    {
        if (rv != 0) {
            break;
        }
        reader->is_batch = true;
        reader->index = i;
        rv = read_item(reader, item, &reader->items->samples[i]);
    }
    if (rv == 0) {
        reader->items->n_samples = json_array_size(array);
    }
    return rv;
}

/* More objects than the largest batch has (itself, its items, their labels)? A tree of them takes
 * a hundred times their text, so they are counted before the body is parsed; braces within texts
 * do not count. */
static bool has_too_many_objects(struct rm_slice body, const struct rm_api_limits *limits)
{
    size_t n_left = 2 * limits->max_batch_items + 1;
    bool is_in_text = false;

    if (body.len <= 2 * n_left) {
        return false;
    }
    for (size_t i = 0; i < body.len; i++) {
        char c = body.data[i];

        if (c == '"') {
            is_in_text = !is_in_text;
        } else if (c == '\\' && is_in_text) {
            i++;
        } else if (c == '{' && !is_in_text && n_left-- == 0) {
            return true;
        }
    }
    return false;
}

/* What is JSON but no object is refused by its shape, not as bad syntax. */
enum { LOAD_FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY };

/* Nanoseconds since the epoch do not fit a double, nor do the microseconds of later centuries:
 * integers are read as such, where they fit. */
static json_t *parse_with_integers(struct rm_slice body, json_error_t *error)
{
    struct rm_buffer marked;
    json_t *root = NULL;

    rm_buffer_init(&marked, SIZE_MAX);
    if (rm__wide_integers_mark(body, &marked) == 0) {
        root = json_loadb(marked.len == 0 ? "" : marked.data, marked.len, LOAD_FLAGS, error);
    } else {
        error->text[0] = '\0'; /* as jansson says it */
    }
    rm_buffer_done(&marked);
    return root;
}

/* Numbers are read as doubles, so that an integer of any size and -0 keep their value. */
static json_t *parse(struct rm_slice body, enum rm_precision precision, json_error_t *error)
{
    if (precision == RM_PRECISION_US || precision == RM_PRECISION_NS) {
        return parse_with_integers(body, error);
    }
    return json_loadb(body.data, body.len, LOAD_FLAGS | JSON_DECODE_INT_AS_REAL, error);
}

static int refuse_json(struct reader *reader, const json_error_t *error)
{
    /* jansson says nothing where it has no memory for its first steps. */
    if (error->text[0] == '\0' || json_error_code(error) == json_error_out_of_memory) {
        return RM_ENOMEM;
    }
    return REFUSE(reader, RM__INVALID_JSON, "the body is not JSON: %.200s, at line %d, column %d",
                  error->text, error->line, error->column);
}

int rm__items_read(struct rm__items *items, struct rm_slice body, bool is_batch,
                   const struct rm__items_context *context, struct rm__problem *ret_problem)
{
    struct reader reader = {.items = items, .context = context, .problem = ret_problem};
    json_error_t error = {0};
    int rv;

    *items = (struct rm__items){0};
    if (has_too_many_objects(body, context->limits)) {
        return REFUSE(&reader, RM__TOO_MANY_ITEMS,
                      "the body has too many objects; send at most "
                      "%zu items at a time",
                      context->limits->max_batch_items);
    }
    items->root = parse(rm_slice_make(body.data == NULL ? "" : body.data, body.len),
                        context->precision, &error);
    if (items->root == NULL) {
        return refuse_json(&reader, &error);
    }
    if (!json_is_object(items->root)) {
        rv = REFUSE(&reader, RM__INVALID_BODY, "the body must be a JSON object");
    } else {
        rv = is_batch ? read_batch(&reader, items->root) : read_single(&reader, items->root);
    }
    if (rv != 0) {
        rm__items_done(items);
    }
    return rv;
}

void rm__items_done(struct rm__items *items)
{
    json_decref(items->root);
    free(items->samples);
    free(items->labels);
    *items = (struct rm__items){0};
}
