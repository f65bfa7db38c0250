#include "self.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>

enum { LABELS_MAX = 4 };

void rm__self_counter(struct rm_exposition *exposition, const char *name, const char *help)
{
    rm_exposition_family(exposition, rm_slice_of(name), "", RM_EXPOSITION_COUNTER,
                         rm_slice_of(help));
}

void rm__self_gauge(struct rm_exposition *exposition, const char *name, const char *help)
{
    rm_exposition_family(exposition, rm_slice_of(name), "", RM_EXPOSITION_GAUGE, rm_slice_of(help));
}

void rm__self_histogram(struct rm_exposition *exposition, const char *name, const char *help)
{
    rm_exposition_family(exposition, rm_slice_of(name), "", RM_EXPOSITION_HISTOGRAM,
                         rm_slice_of(help));
}

void rm__self_labels(struct rm_exposition *exposition, ...)
{
    struct rm_label labels[LABELS_MAX];
    size_t n = 0;
    const char *name;
    va_list args;

    va_start(args, exposition);
    while ((name = va_arg(args, const char *)) != NULL) {
        assert(n < LABELS_MAX);
        labels[n].name = rm_slice_of(name);
        labels[n].value = rm_slice_of(va_arg(args, const char *));
        n++;
    }
    va_end(args);
    rm_exposition_labels(exposition, labels, n);
}

void rm__self_gauge_of(struct rm_exposition *exposition, const char *name, const char *help,
                       double value)
{
    rm__self_gauge(exposition, name, help);
    rm_exposition_value(exposition, value);
}

/* Each bucket is read once, so that they and the count agree while others record. */
void rm__self_tally(struct rm_exposition *exposition, const struct rm_tally_scale *scale,
                    const struct rm_tally *tally)
{
    double sum = (double)rm_counter_read(&tally->sum) / scale->per_unit;
    uint64_t count = 0;

    for (size_t i = 0; i <= scale->n; i++) {
        count += rm_counter_read(&tally->buckets[i]);
        rm_exposition_bucket(exposition,
                             i == scale->n ? INFINITY : (double)scale->bounds[i] / scale->per_unit,
                             count);
    }
    rm_exposition_total(exposition, count, &sum);
}
