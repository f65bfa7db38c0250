#include "journal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "text_file.h"

enum { JOURNAL_MAX_BYTES = 1 << 20, FORMAT = 1 };

static int not_a_journal(const char *path, struct rm_complaint *complaint)
{
    return rm_complain(complaint, RM_EINVAL,
                       "%s is not a journal of an import; name another with --journal", path);
}

static int fill(const json_t *root, struct rm_journal *journal)
{
    json_int_t format, size, salt, n_chunks, offset, line, n_recorded, n_skipped, updated_ms;
    const char *url, *settings, *content;
    int is_finished;

    if (json_unpack((json_t *)(uintptr_t)root,
                    "{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
                    "raftmetrics_import", &format, "url", &url, "settings", &settings, "content",
                    &content, "size", &size, "salt", &salt, "chunks", &n_chunks, "offset", &offset,
                    "line", &line, "recorded", &n_recorded, "skipped", &n_skipped, "updated_ms",
                    &updated_ms, "finished", &is_finished) != 0 ||
        format != FORMAT || offset < 0 || line < 1) {
        return RM_EINVAL;
    }
    *journal = (struct rm_journal){
        .url = strdup(url),
        .settings = strdup(settings),
        .content = strtoull(content, NULL, 16),
        .size = (uint64_t)size,
        .salt = (uint64_t)salt,
        .n_chunks = (uint64_t)n_chunks,
        .offset = (uint64_t)offset,
        .line = (uint64_t)line,
        .n_recorded = (uint64_t)n_recorded,
        .n_skipped = (uint64_t)n_skipped,
        .updated_ms = updated_ms,
        .is_finished = is_finished != 0,
    };
    if (journal->url == NULL || journal->settings == NULL) {
        rm_journal_done(journal);
        return RM_ENOMEM;
    }
    return 0;
}

int rm_journal_read(const char *path, struct rm_journal *ret_journal,
                    struct rm_complaint *complaint)
{
    char *text;
    json_t *root;
    int error = rm_text_file_read(path, JOURNAL_MAX_BYTES, &text, complaint);

    if (error == RM_ENOTFOUND || error == RM_ENOMEM || error == RM_EIO) {
        return error;
    }
    if (error != 0) {
        return not_a_journal(path, complaint);
    }
    root = json_loads(text, 0, NULL);
    free(text);
    error = root == NULL ? RM_EINVAL : fill(root, ret_journal);
    json_decref(root);
    return error == RM_EINVAL ? not_a_journal(path, complaint) : error;
}

int rm_journal_write(const char *path, const struct rm_journal *journal,
                     struct rm_complaint *complaint)
{
    char content[24];
    json_t *root;
    char *text;
    int error;

    snprintf(content, sizeof content, "%016" PRIx64, journal->content);
    root = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
                     "raftmetrics_import", FORMAT, "url", journal->url, "settings",
                     journal->settings, "content", content, "size", (json_int_t)journal->size,
                     "salt", (json_int_t)journal->salt, "chunks", (json_int_t)journal->n_chunks,
                     "offset", (json_int_t)journal->offset, "line", (json_int_t)journal->line,
                     "recorded", (json_int_t)journal->n_recorded, "skipped",
                     (json_int_t)journal->n_skipped, "updated_ms", (json_int_t)journal->updated_ms,
                     "finished", (int)journal->is_finished);
    text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    if (text == NULL) {
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    error = rm_text_file_replace(path, rm_slice_of(text), complaint);
    free(text);
    return error;
}

void rm_journal_done(struct rm_journal *journal)
{
    free(journal->url);
    free(journal->settings);
    *journal = (struct rm_journal){0};
}
