/* Writes metrics as text for scrapers: the Prometheus text format 0.0.4 (1.0.0 where names are
 * UTF-8) and OpenMetrics 1.0.0. Without timestamps. The first error sticks: later calls do nothing,
 * and rm_exposition_finish returns it.
 *
 *   family     # HELP and # TYPE
 *   labels     of the samples that follow, until the next call
 *   value, bucket, …   a sample each
 *   end        # EOF where the format has it */
#ifndef RAFTMETRICS_BASE_EXPOSITION_H
#define RAFTMETRICS_BASE_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/sample.h"
#include "raftmetrics/base/slice.h"

enum rm_exposition_syntax { RM_EXPOSITION_TEXT, RM_EXPOSITION_OPENMETRICS };

/* How a scraper wants it. */
struct rm_exposition_style {
    enum rm_exposition_syntax syntax;
    bool keeps_names; /* quoted where they need it; otherwise '_' stands for what is not allowed in
                         the names of old */
};

enum rm_exposition_type { RM_EXPOSITION_COUNTER, RM_EXPOSITION_GAUGE, RM_EXPOSITION_HISTOGRAM };

enum { RM_EXPOSITION_BOUND_TEXT_MAX = 40, RM_EXPOSITION_BOUNDS = 64 };

struct rm_exposition {
    struct rm_buffer *buffer; /* borrowed; may hold text already */
    struct rm_exposition_style style;
    int error;
    enum rm_exposition_type type;
    struct rm_buffer name;   /* of the family, as it is written, without quotes */
    struct rm_buffer labels; /* of the next samples, written, without braces */
    bool is_quoted;          /* the name needs quotes */
    struct rm_exposition_bound {
        uint64_t bits;                           /* of the bound */
        char text[RM_EXPOSITION_BOUND_TEXT_MAX]; /* "": none */
    } bounds[RM_EXPOSITION_BOUNDS]; /* as they were written last: all series of a metric have the
                                       same */
};

void rm_exposition_init(struct rm_exposition *exposition, struct rm_exposition_style style,
                        struct rm_buffer *buffer);
void rm_exposition_done(struct rm_exposition *exposition);

/* Begins a family without labels: the name is that of @metric with @suffix behind it. OpenMetrics
 * writes a counter's name without its "_total". @help: one sentence. */
void rm_exposition_family(struct rm_exposition *exposition, struct rm_slice metric,
                          const char *suffix, enum rm_exposition_type type, struct rm_slice help);

/* Goes on with a family that was begun in another text, of which this one is the continuation. */
void rm_exposition_go_on(struct rm_exposition *exposition, struct rm_slice metric,
                         const char *suffix, enum rm_exposition_type type);

/* Copies. Their names are distinct once escaped. */
void rm_exposition_labels(struct rm_exposition *exposition, const struct rm_label *labels,
                          size_t n_labels);

/* The one sample of a counter or gauge; not NAN. */
void rm_exposition_value(struct rm_exposition *exposition, double value);
void rm_exposition_count(struct rm_exposition *exposition, uint64_t value);

/* Of a histogram: how many values were not above @bound, ascending, +INFINITY last; then count and,
 * where there is one, sum. OpenMetrics has no count without a sum. */
void rm_exposition_bucket(struct rm_exposition *exposition, double bound, uint64_t count);
void rm_exposition_total(struct rm_exposition *exposition, uint64_t count, const double *sum);

/* The end of everything, which in text is nothing. */
void rm_exposition_end(struct rm_exposition *exposition);
struct rm_slice rm_exposition_end_text(struct rm_exposition_style style);

/* 0, or the first error: RM_ENOMEM, RM_ETOOBIG. */
int rm_exposition_finish(const struct rm_exposition *exposition);

/* The value of Content-Type. Static. */
const char *rm_exposition_content_type(struct rm_exposition_style style);

/* The order in which families are written: byte order of the names as @style writes them, then of
 * the names as they are. As memcmp. */
int rm_exposition_compare_names(struct rm_exposition_style style, struct rm_slice a,
                                struct rm_slice b);

/* @c as a name has it once everything else is replaced by '_'. */
static inline char rm_exposition_escape_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':'
               ? c
               : '_';
}

#endif
