#include "raftmetrics/metrics/name.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/utf8.h"

/* ASCII only and without the locale, unlike isalpha. */
static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_one_of(char byte, const char *bytes)
{
    return byte != '\0' && strchr(bytes, byte) != NULL;
}

/* Not empty; the first byte a letter or one of @first, the others also digits or one of @others. */
static bool is_name(struct rm_slice name, const char *first, const char *others)
{
    if (name.len == 0 || !(is_letter(name.data[0]) || is_one_of(name.data[0], first))) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        char byte = name.data[i];

        if (!is_letter(byte) && !is_digit(byte) && !is_one_of(byte, others)) {
            return false;
        }
    }
    return true;
}

bool rm_metric_name_is_valid(struct rm_slice name)
{
    return name.len <= RM_METRIC_NAME_MAX && is_name(name, "_:", "_:.-/");
}

bool rm_label_name_is_valid(struct rm_slice name)
{
    return is_name(name, "_", "_./-") && !rm_slice_is(name, "le") &&
           !rm_slice_has_prefix(name, rm_slice_of("__"));
}

bool rm_label_value_is_valid(struct rm_slice value)
{
    return rm_utf8_is_valid(value) && !rm_utf8_has_control(value);
}

bool rm_labels_are_canonical(const struct rm_label *labels, size_t n_labels)
{
    for (size_t i = 0; i < n_labels; i++) {
        if (!rm_label_name_is_valid(labels[i].name) || labels[i].value.len == 0 ||
            !rm_label_value_is_valid(labels[i].value) ||
            (i > 0 && rm_slice_compare(labels[i - 1].name, labels[i].name) >= 0)) {
            return false;
        }
    }
    return true;
}

/* A byte as exposition writes it. */
static unsigned char folded(char byte)
{
    return (unsigned char)(is_one_of(byte, "./-") ? '_' : byte);
}

static int compare_folded_names(const void *a, const void *b)
{
    struct rm_slice left = ((const struct rm_label *)a)->name;
    struct rm_slice right = ((const struct rm_label *)b)->name;

    for (size_t i = 0; i < left.len && i < right.len; i++) {
        int order = folded(left.data[i]) - folded(right.data[i]);

        if (order != 0) {
            return order;
        }
    }
    return (left.len > right.len) - (left.len < right.len);
}

static int compare_names(const void *a, const void *b)
{
    return rm_slice_compare(((const struct rm_label *)a)->name, ((const struct rm_label *)b)->name);
}

/* The count of those that are left. */
static size_t drop_empty(struct rm_label *labels, size_t n_labels)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < n_labels; i++) {
        if (labels[i].value.len > 0) {
            labels[n_kept] = labels[i];
            n_kept++;
        }
    }
    return n_kept;
}

int rm_labels_canonicalize(struct rm_label *labels, size_t *n_labels, struct rm_slice *ret_culprit)
{
    if (*n_labels == 0) {
        return 0;
    }
    qsort(labels, *n_labels, sizeof *labels, compare_folded_names);
    for (size_t i = 1; i < *n_labels; i++) {
        if (compare_folded_names(&labels[i - 1], &labels[i]) == 0) {
            *ret_culprit = labels[i].name;
            return RM_ECONFLICT;
        }
    }
    *n_labels = drop_empty(labels, *n_labels);
    qsort(labels, *n_labels, sizeof *labels, compare_names);
    return 0;
}
