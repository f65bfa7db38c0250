/* What `raftmetrics import` was told. */
#ifndef RAFTMETRICS_SRC_CMD_IMPORT_OPTIONS_H
#define RAFTMETRICS_SRC_CMD_IMPORT_OPTIONS_H

#include <stdbool.h>

#include "raftmetrics/cmd/options.h"
#include "rows.h"

extern const struct rm_option rm_import_table[];
extern const size_t rm_import_n_table;

struct rm_import_options {
    const char *path;
    char *journal_path;
    struct rm_rows_options rows;
    struct rm_label labels[RM_ROW_LABELS_MAX];
    const char *label_columns[RM_ROW_LABELS_MAX];
    char *column_text; /* what label_columns points into */
    char *metric_name; /* what rows.metric_name points to; NULL: none */
    long long chunk;   /* values a request */
    long long retries; /* of a chunk */
    bool skip_bad;
    bool restart;
    bool is_json; /* the summary */
};

/* Texts are borrowed from @options. Errors: RM_EINVAL with a sentence; RM_ENOMEM. */
int rm_import_options_read(const struct rm_options *options, struct rm_import_options *ret_import,
                           struct rm_complaint *complaint);
void rm_import_options_done(struct rm_import_options *import);

/* Those that decide what is sent, as one text, the caller's to free; NULL when out of memory. */
char *rm_import_settings(const struct rm_import_options *import);

#endif
