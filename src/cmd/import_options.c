#include "import_options.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/metrics/name.h"
#include "remote.h"

enum { CHUNK_DEFAULT = 1000, CHUNK_MAX = 10000, RETRIES_DEFAULT = 10, RETRIES_MAX = 1000000 };

const struct rm_option rm_import_table[] = {
    RM_REMOTE_OPTIONS,
    {"json", NULL, "print the summary as JSON", false},
    {"name", "METRIC", "metric of rows that name none (CSV: the file's name)", false},
    {"label", "K=V", "a label of every value; repeatable", true},
    {"label-columns", "A,B,...", "CSV columns that are labels", false},
    {"timestamp-column", "NAME", "CSV column of the timestamps (default timestamp)", false},
    {"value-column", "NAME", "CSV column of the values (default value)", false},
    {"precision", "UNIT", "unit of integer timestamps: s, ms, us or ns", false},
    {"format", "WORD", "csv or jsonl (default: by the file's name, else by its first byte)", false},
    {"chunk", "N", "values a request (default 1000)", false},
    {"retries", "N", "how often a chunk is tried again (default 10)", false},
    {"skip-bad", NULL, "skip and count bad rows instead of refusing the file", false},
    {"journal", "FILE", "where to note how far it came (default: FILE.journal)", false},
    {"restart", NULL, "forget the journal and record everything, again where it was", false},
};

const size_t rm_import_n_table = sizeof rm_import_table / sizeof rm_import_table[0];

static bool has_ending(const char *path, const char *ending)
{
    size_t len = strlen(path);
    size_t ending_len = strlen(ending);

    return len > ending_len && strcmp(path + len - ending_len, ending) == 0;
}

static int first_byte(const char *path)
{
    FILE *file = fopen(path, "re");
    int byte = EOF;

    if (file != NULL) {
        do {
            byte = getc(file);
        } while (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n');
        fclose(file);
    }
    return byte;
}

static int read_format(const struct rm_options *options, struct rm_import_options *import,
                       struct rm_complaint *complaint)
{
    const char *format = rm_options_value(options, "format");

    if (format != NULL && strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0) {
        return rm_complain(complaint, RM_EINVAL, "--format must be csv or jsonl, not \"%s\"",
                           format);
    }
    if (format != NULL) {
        import->rows.is_json_lines = format[0] == 'j';
    } else if (has_ending(import->path, ".csv")) {
        import->rows.is_json_lines = false;
    } else {
        import->rows.is_json_lines = has_ending(import->path, ".jsonl") ||
                                     has_ending(import->path, ".ndjson") ||
                                     first_byte(import->path) == '{';
    }
    return 0;
}

/* data/cpu_usage.csv -> cpu_usage */
static struct rm_slice stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(base, '.');

    return rm_slice_make(base, dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base));
}

static int read_name(const struct rm_options *options, struct rm_import_options *import,
                     struct rm_complaint *complaint)
{
    const char *given = rm_options_value(options, "name");
    struct rm_slice name = given != NULL ? rm_slice_of(given) : stem_of(import->path);

    if (given == NULL && import->rows.is_json_lines) {
        return 0;
    }
    if (given != NULL && !rm_metric_name_is_valid(name)) {
        return rm_complain(complaint, RM_EINVAL, "--name: \"%s\" is not a metric name", given);
    }
    import->metric_name = rm_slice_dup(name);
    import->rows.metric_name = import->metric_name;
    return import->metric_name == NULL ? rm_complain(complaint, RM_ENOMEM, "out of memory") : 0;
}

static int read_labels(const struct rm_options *options, struct rm_import_options *import,
                       struct rm_complaint *complaint)
{
    const char *text;
    size_t n = 0;

    for (; (text = rm_options_nth(options, "label", n)) != NULL; n++) {
        struct rm_slice value = rm_slice_of(text);
        struct rm_slice name;

        rm_slice_next(&value, '=', &name);
        if (value.data == NULL || !rm_label_name_is_valid(name) ||
            !rm_label_value_is_valid(value) || n == RM_ROW_LABELS_MAX) {
            return rm_complain(complaint, RM_EINVAL, "--label: \"%s\" is not name=value", text);
        }
        import->labels[n] = (struct rm_label){name, value};
    }
    import->rows.n_labels = n;
    return 0;
}

static int read_columns(const struct rm_options *options, struct rm_import_options *import,
                        struct rm_complaint *complaint)
{
    const char *timestamp = rm_options_value(options, "timestamp-column");
    const char *value = rm_options_value(options, "value-column");
    const char *labels = rm_options_value(options, "label-columns");
    char *rest;
    char *name;

    if (import->rows.is_json_lines && (timestamp != NULL || value != NULL || labels != NULL)) {
        return rm_complain(complaint, RM_EINVAL, "columns are for CSV, this is JSON lines");
    }
    import->rows.timestamp_column = timestamp != NULL ? timestamp : "timestamp";
    import->rows.value_column = value != NULL ? value : "value";
    import->column_text = strdup(labels != NULL ? labels : "");
    if (import->column_text == NULL) {
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    rest = import->column_text;
    while (labels != NULL && (name = strsep(&rest, ",")) != NULL) {
        if (!rm_label_name_is_valid(rm_slice_of(name)) ||
            import->rows.n_label_columns == RM_ROW_LABELS_MAX) {
            return rm_complain(complaint, RM_EINVAL, "--label-columns: \"%s\" is not a label name",
                               name);
        }
        import->label_columns[import->rows.n_label_columns++] = name;
    }
    return 0;
}

static int read_rest(const struct rm_options *options, struct rm_import_options *import,
                     struct rm_complaint *complaint)
{
    const char *precision = rm_options_value(options, "precision");
    const char *journal = rm_options_value(options, "journal");
    int error;

    if (precision != NULL &&
        rm_precision_parse(rm_slice_of(precision), &import->rows.precision) != 0) {
        return rm_complain(complaint, RM_EINVAL, "--precision must be s, ms, us or ns, not \"%s\"",
                           precision);
    }
    error = rm_options_int(options, "chunk", 1, CHUNK_MAX, &import->chunk, complaint);
    if (error == 0) {
        error = rm_options_int(options, "retries", 0, RETRIES_MAX, &import->retries, complaint);
    }
    if (error != 0) {
        return error;
    }
    if (asprintf(&import->journal_path, "%s%s", journal != NULL ? journal : import->path,
                 journal != NULL ? "" : ".journal") < 0) {
        import->journal_path = NULL;
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    return 0;
}

int rm_import_options_read(const struct rm_options *options, struct rm_import_options *ret_import,
                           struct rm_complaint *complaint)
{
    struct rm_import_options *import = ret_import;
    int error;

    *import = (struct rm_import_options){
        .path = options->words[0],
        .chunk = CHUNK_DEFAULT,
        .retries = RETRIES_DEFAULT,
        .skip_bad = rm_options_has(options, "skip-bad"),
        .restart = rm_options_has(options, "restart"),
        .is_json = rm_options_has(options, "json"),
    };
    import->rows.labels = import->labels;
    import->rows.label_columns = import->label_columns;
    error = read_format(options, import, complaint);
    if (error == 0) {
        error = read_name(options, import, complaint);
    }
    if (error == 0) {
        error = read_labels(options, import, complaint);
    }
    if (error == 0) {
        error = read_columns(options, import, complaint);
    }
    if (error == 0) {
        error = read_rest(options, import, complaint);
    }
    if (error != 0) {
        rm_import_options_done(import);
    }
    return error;
}

void rm_import_options_done(struct rm_import_options *import)
{
    free(import->journal_path);
    free(import->column_text);
    free(import->metric_name);
    import->journal_path = NULL;
    import->column_text = NULL;
    import->metric_name = NULL;
}

char *rm_import_settings(const struct rm_import_options *import)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }
    fprintf(out, "%s name=%s precision=%d chunk=%lld%s",
            import->rows.is_json_lines ? "jsonl" : "csv",
            import->metric_name == NULL ? "" : import->metric_name, (int)import->rows.precision,
            import->chunk, import->skip_bad ? " skip-bad" : "");
    for (size_t i = 0; i < import->rows.n_labels; i++) {
        const struct rm_label *label = &import->labels[i];

        fprintf(out, " label=%.*s=%.*s", (int)label->name.len, label->name.data,
                (int)label->value.len, label->value.data);
    }
    if (!import->rows.is_json_lines) {
        fprintf(out, " timestamp=%s value=%s", import->rows.timestamp_column,
                import->rows.value_column);
    }
    for (size_t i = 0; i < import->rows.n_label_columns; i++) {
        fprintf(out, " column=%s", import->label_columns[i]);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
