#include "csv.h"

#include <assert.h>
#include <stdbool.h>

#include "raftmetrics/base/error.h"

enum state {
    FIELD_START,
    UNQUOTED,
    QUOTED,
    QUOTE_SEEN, /* in a quoted field: its end, or the first half of a doubled quote */
    RECORD_END,
};

void rm_csv_init(struct rm_csv *csv, FILE *file)
{
    *csv = (struct rm_csv){.file = file, .line = 1};
    rm_buffer_init(&csv->text, RM_CSV_RECORD_MAX);
}

void rm_csv_done(struct rm_csv *csv)
{
    rm_buffer_done(&csv->text);
}

static int next_byte(struct rm_csv *csv)
{
    int byte = getc_unlocked(csv->file);

    if (byte != EOF) {
        csv->offset++;
        csv->line += byte == '\n';
    }
    return byte;
}

static bool next_is(struct rm_csv *csv, int wanted)
{
    int byte = getc_unlocked(csv->file);

    if (byte != EOF) {
        ungetc(byte, csv->file);
    }
    return byte == wanted;
}

static int bad(struct rm_csv *csv, const char *problem)
{
    csv->problem = problem;
    return RM_ESYNTAX;
}

static int add_byte(struct rm_csv *csv, int byte)
{
    int error = rm_buffer_append_byte(&csv->text, (char)byte);

    return error == RM_ETOOBIG ? bad(csv, "a record is longer than 1 MiB, is a quote left open?")
                               : error;
}

static int end_field(struct rm_csv *csv)
{
    if (csv->n_fields == RM_CSV_FIELDS_MAX) {
        return bad(csv, "a record has more than 512 fields");
    }
    csv->ends[csv->n_fields++] = csv->text.len;
    return 0;
}

/* A byte outside quotes. */
static int take_bare(struct rm_csv *csv, int byte, enum state *state)
{
    bool is_end =
        byte == EOF || byte == '\n' || (byte == '\r' && (next_is(csv, '\n') || next_is(csv, EOF)));

    if (is_end) {
        if (byte == '\r') {
            next_byte(csv);
        }
        *state = RECORD_END;
        return end_field(csv);
    }
    if (byte == ',') {
        *state = FIELD_START;
        return end_field(csv);
    }
    if (*state == QUOTE_SEEN) {
        return bad(csv, "something stands behind a closing quote");
    }
    if (byte == '"' && *state == FIELD_START) {
        *state = QUOTED;
        return 0;
    }
    *state = UNQUOTED;
    return add_byte(csv, byte);
}

static int take_quoted(struct rm_csv *csv, int byte, enum state *state)
{
    if (byte == EOF) {
        return bad(csv, "a quote is left open");
    }
    if (byte == '"') {
        *state = QUOTE_SEEN;
        return 0;
    }
    return add_byte(csv, byte);
}

static int take(struct rm_csv *csv, int byte, enum state *state)
{
    if (*state == QUOTED) {
        return take_quoted(csv, byte, state);
    }
    if (*state == QUOTE_SEEN && byte == '"') {
        *state = QUOTED;
        return add_byte(csv, byte);
    }
    return take_bare(csv, byte, state);
}

static int read_record(struct rm_csv *csv)
{
    enum state state = FIELD_START;
    int error = 0;

    csv->record_offset = csv->offset;
    csv->record_line = csv->line;
    csv->n_fields = 0;
    rm_buffer_clear(&csv->text);
    while (error == 0 && state != RECORD_END) {
        int byte = next_byte(csv);

        if (byte == EOF && ferror(csv->file)) {
            return RM_EIO;
        }
        if (byte == EOF && csv->offset == csv->record_offset) {
            return RM_ENOTFOUND;
        }
        error = take(csv, byte, &state);
    }
    return error;
}

int rm_csv_skip_mark(struct rm_csv *csv)
{
    static const char mark[] = "\xef\xbb\xbf";

    for (int i = 0; mark[i] != '\0'; i++) {
        if (next_byte(csv) != (unsigned char)mark[i]) {
            return rm_csv_seek(csv, 0, 1);
        }
    }
    return 0;
}

static bool is_empty_line(const struct rm_csv *csv)
{
    /* "" in quotes is a field; it is longer than its line's end. */
    return csv->n_fields == 1 && csv->text.len == 0 && csv->offset - csv->record_offset <= 2;
}

int rm_csv_next(struct rm_csv *csv)
{
    int error = csv->offset == 0 ? rm_csv_skip_mark(csv) : 0;

    while (error == 0) {
        error = read_record(csv);
        if (error == 0 && !is_empty_line(csv)) {
            return 0;
        }
    }
    return error;
}

struct rm_slice rm_csv_field(const struct rm_csv *csv, size_t i)
{
    size_t start = i == 0 ? 0 : csv->ends[i - 1];

    assert(i < csv->n_fields);
    return csv->ends[i] == start ? rm_slice_make("", 0)
                                 : rm_slice_make(csv->text.data + start, csv->ends[i] - start);
}

int rm_csv_skip_bad_line(struct rm_csv *csv)
{
    int error = rm_csv_seek(csv, csv->record_offset, csv->record_line);
    int byte;

    if (error != 0) {
        return error;
    }
    do {
        byte = next_byte(csv);
    } while (byte != EOF && byte != '\n');
    return ferror(csv->file) ? RM_EIO : 0;
}

int rm_csv_seek(struct rm_csv *csv, uint64_t offset, uint64_t line)
{
    if (fseeko(csv->file, (off_t)offset, SEEK_SET) != 0) {
        return RM_EIO;
    }
    csv->offset = offset;
    csv->line = line;
    return 0;
}
