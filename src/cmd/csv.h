/* A reader of CSV as RFC 4180 has it, record by record from a stream: fields separated by commas,
 * quoted where they hold commas, quotes (doubled) or newlines. Lines end with LF or CRLF. A byte
 * order mark and empty lines are skipped. */
#ifndef RAFTMETRICS_SRC_CMD_CSV_H
#define RAFTMETRICS_SRC_CMD_CSV_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/slice.h"

enum { RM_CSV_FIELDS_MAX = 512, RM_CSV_RECORD_MAX = 1 << 20 };

struct rm_csv {
    FILE *file;             /* borrowed, seekable */
    uint64_t offset;        /* bytes read so far: where the next record begins */
    uint64_t line;          /* the line in which the next record begins, from 1 */
    uint64_t record_offset; /* of the record read last */
    uint64_t record_line;
    struct rm_buffer text; /* its fields, one behind the other */
    size_t ends[RM_CSV_FIELDS_MAX];
    size_t n_fields;
    const char *problem; /* after RM_ESYNTAX: what is wrong */
};

/* Reads from where @file stands, its beginning. */
void rm_csv_init(struct rm_csv *csv, FILE *file);
void rm_csv_done(struct rm_csv *csv);

/* Skips a byte order mark; to be called at the beginning only. rm_csv_next does it by itself.
 * Errors: RM_EIO. */
int rm_csv_skip_mark(struct rm_csv *csv);

/* The next record. Errors: RM_ENOTFOUND behind the last; RM_ESYNTAX with a problem; RM_EIO;
 * RM_ENOMEM. */
int rm_csv_next(struct rm_csv *csv);

/* A field of the record, borrowed until the next call. @i is below n_fields. */
struct rm_slice rm_csv_field(const struct rm_csv *csv, size_t i);

/* After RM_ESYNTAX: goes on behind the first line of the bad record. An open quote may have
 * swallowed many lines that are good. Errors: RM_EIO. */
int rm_csv_skip_bad_line(struct rm_csv *csv);

/* Goes on at @offset, where line @line begins. Errors: RM_EIO. */
int rm_csv_seek(struct rm_csv *csv, uint64_t offset, uint64_t line);

#endif
