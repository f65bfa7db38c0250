/* raftmetrics import: a file's values, in chunks, each recorded exactly once however often the
 * import is interrupted.
 *
 *   the file is hashed and (unless bad rows are skipped) checked row by row; nothing is sent yet
 *   journal: chunk 0, offset behind the header
 *   for each chunk:  POST /metrics/batch with a key made of (content, settings, chunk number)
 *                    200: journal: one chunk more, the offset behind it
 *
 * Killed between the POST and the journal, the next run sends the same bytes under the same key,
 * and the daemon answers what it answered before. The same file under the same settings always
 * makes the same chunks. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "chunk.h"
#include "client_command.h"
#include "commands.h"
#include "import_options.h"
#include "journal.h"
#include "progress.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/random.h"
#include "raftmetrics/base/timestamp.h"

enum {
    BACKOFF_FIRST_MS = 200,
    BACKOFF_MAX_MS = 5000,
    KEY_MAX = 80,
    /* The daemon's default for how long it remembers a key. */
    KEY_LIFE_MS = 600000,
};

static const char usage[] =
    "usage: raftmetrics import FILE [--name METRIC] [--label K=V]... [--label-columns A,B]\n\n"
    "Records the values of a file: CSV with a header (columns timestamp and value, and "
    "metric_name\n"
    "where it has one), or JSON lines, each an item as POST /metrics takes it. Timestamps are\n"
    "RFC 3339, dates without a zone, which are UTC (2014-04-10 00:04:00), or integers.\n\n"
    "How far it came is noted in FILE.journal: interrupted and started again, it goes on where it\n"
    "was and records nothing twice. A finished import is not repeated.\n\n";

struct import {
    const struct rm_import_options *options;
    struct rm_remote *remote;
    FILE *file;
    struct rm_rows *rows;
    struct rm_chunk chunk;
    struct rm_journal journal;
    struct rm_progress progress;
    struct rm_complaint *complaint;
    uint64_t key_base; /* of the settings and the salt */
    bool is_resumed;
};

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/: names the content, guards against nobody. */
static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static const uint64_t hash_start = UINT64_C(0xcbf29ce484222325);

static int hash_file(struct import *import)
{
    char block[65536];
    uint64_t hash = hash_start;
    uint64_t size = 0;
    size_t n;

    while ((n = fread(block, 1, sizeof block, import->file)) > 0) {
        hash = hash_bytes(hash, block, n);
        size += n;
    }
    if (ferror(import->file)) {
        return rm_complain(import->complaint, RM_EIO, "cannot read %s: %s", import->options->path,
                           strerror(errno));
    }
    rewind(import->file);
    import->journal.content = hash;
    import->journal.size = size;
    return 0;
}

static int open_file(struct import *import)
{
    const char *path = import->options->path;
    struct stat info;

    import->file = fopen(path, "re");
    if (import->file == NULL) {
        return rm_complain(import->complaint, RM_EIO, "cannot read %s: %s", path, strerror(errno));
    }
    if (fstat(fileno(import->file), &info) != 0 || !S_ISREG(info.st_mode)) {
        return rm_complain(import->complaint, RM_EINVAL,
                           "%s is not a regular file; an import must be able to read it again",
                           path);
    }
    if (flock(fileno(import->file), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return rm_complain(import->complaint, RM_EBUSY, "another import of %s is under way", path);
    }
    return hash_file(import);
}

/* An earlier run's journal must be of this very import. */
static int check_journal(const struct import *import, const struct rm_journal *earlier)
{
    const struct rm_journal *now = &import->journal;
    const char *path = import->options->path;

    if (earlier->content != now->content || earlier->size != now->size) {
        return rm_complain(import->complaint, RM_ECONFLICT,
                           "%s has changed since its import began (%s); --restart records "
                           "everything, also what was recorded before",
                           path, import->options->journal_path);
    }
    if (strcmp(earlier->url, now->url) != 0) {
        return rm_complain(import->complaint, RM_ECONFLICT,
                           "%s was imported into %s before (%s); for another cluster name another "
                           "--journal",
                           path, earlier->url, import->options->journal_path);
    }
    if (strcmp(earlier->settings, now->settings) != 0) {
        return rm_complain(import->complaint, RM_ECONFLICT,
                           "the import of %s began with other options: %.300s; use these, or "
                           "--restart",
                           path, earlier->settings);
    }
    return 0;
}

/* What the daemon has forgotten by now it cannot recognise. */
static void warn_of_old_chunk(const struct rm_journal *journal)
{
    if (!journal->is_finished && rm_clock_wall_ms() - journal->updated_ms > KEY_LIFE_MS) {
        fprintf(stderr,
                "raftmetrics import: the last run is more than 10 minutes ago; if chunk %" PRIu64
                " was under way when it ended, its values may now be recorded twice\n",
                journal->n_chunks + 1);
    }
}

static int load_journal(struct import *import)
{
    struct rm_journal earlier;
    int error;

    if (import->options->restart) {
        rm_random_bytes(&import->journal.salt, sizeof import->journal.salt);
        import->journal.salt >>= 1; /* fits a JSON integer */
        return 0;
    }
    error = rm_journal_read(import->options->journal_path, &earlier, import->complaint);
    if (error == RM_ENOTFOUND) {
        return 0;
    }
    if (error == 0) {
        error = check_journal(import, &earlier);
        if (error != 0) {
            rm_journal_done(&earlier);
            return error;
        }
        rm_journal_done(&import->journal);
        import->journal = earlier;
        import->is_resumed = true;
        warn_of_old_chunk(&earlier);
    }
    return error;
}

/* Reads all rows without sending any: a bad one is found before the first value is recorded. */
static int check_rows(struct import *import)
{
    int error;

    do {
        error = rm_rows_next(import->rows, &import->chunk.row, import->complaint);
    } while (error == 0);
    return error == RM_ENOTFOUND ? 0 : error;
}

static int write_journal(struct import *import)
{
    import->journal.updated_ms = rm_clock_wall_ms();
    return rm_journal_write(import->options->journal_path, &import->journal, import->complaint);
}

/* A journal before the first chunk: one that cannot be written must not be found out after it. */
static int begin(struct import *import)
{
    int error = 0;

    rm_rows_tell(import->rows, &import->journal.offset, &import->journal.line);
    if (!import->options->skip_bad) {
        error = check_rows(import);
    }
    if (error == 0 &&
        rm_rows_seek(import->rows, import->journal.offset, import->journal.line) != 0) {
        error = rm_complain(import->complaint, RM_EIO, "cannot read %s", import->options->path);
    }
    return error == 0 ? write_journal(import) : error;
}

static int go_on(struct import *import)
{
    if (rm_rows_seek(import->rows, import->journal.offset, import->journal.line) != 0) {
        return rm_complain(import->complaint, RM_EIO, "cannot read %s", import->options->path);
    }
    return 0;
}

static int prepare(struct import *import)
{
    int error = open_file(import);

    if (error == 0) {
        import->journal.url = strdup(rm_remote_url(import->remote));
        import->journal.settings = rm_import_settings(import->options);
        if (import->journal.url == NULL || import->journal.settings == NULL) {
            return rm_complain(import->complaint, RM_ENOMEM, "out of memory");
        }
        error = load_journal(import);
    }
    if (error != 0 || import->journal.is_finished) {
        return error;
    }
    import->key_base =
        hash_bytes(hash_start, import->journal.settings, strlen(import->journal.settings)) ^
        import->journal.salt;
    error = rm_rows_new(import->file, &import->options->rows, &import->rows, import->complaint);
    if (error == 0) {
        error = import->is_resumed ? go_on(import) : begin(import);
    }
    return error;
}

static void pause_ms(int64_t ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static bool is_worth_retrying(const struct rm_answer *answer)
{
    if (answer->error != 0) {
        return answer->error == RM_ECONNECT || answer->error == RM_EUNKNOWN ||
               answer->error == RM_ETIMEDOUT;
    }
    return answer->status == 429 || answer->status == 503 || answer->status == 504;
}

static void announce_retry(struct import *import, const struct rm_answer *answer, int64_t wait_ms)
{
    struct rm_complaint reason;

    rm_answer_explain(import->remote, answer, &reason);
    rm_progress_clear(&import->progress);
    fprintf(stderr, "raftmetrics import: chunk %" PRIu64 ": %s; trying again in %.1f s\n",
            import->journal.n_chunks + 1, reason.text, (double)wait_ms / 1000.0);
}

/* Sends the chunk until it is acknowledged: same bytes, same key. */
static int send_chunk(struct import *import)
{
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    struct rm_complaint reason;
    char key[KEY_MAX];

    snprintf(key, sizeof key, "import-%016" PRIx64 "-%016" PRIx64 "-%" PRIu64,
             import->journal.content, import->key_base, import->journal.n_chunks);
    for (long long tries = 0;; tries++) {
        struct rm_answer answer;
        int64_t wait_ms;

        rm_remote_call(import->remote, "POST", "/metrics/batch",
                       rm_buffer_peek(&import->chunk.body), key, &answer);
        if (answer.error == 0 && answer.status == 200) {
            rm_answer_done(&answer);
            return 0;
        }
        if (!is_worth_retrying(&answer) || tries == import->options->retries) {
            rm_answer_explain(import->remote, &answer, &reason);
            rm_answer_done(&answer);
            return rm_complain(import->complaint, RM_EIO,
                               "%.500s (lines %" PRIu64 " to %" PRIu64 "; %" PRIu64
                               " values are recorded, the same command goes on)",
                               reason.text, import->journal.line, import->chunk.row.line,
                               import->journal.n_recorded);
        }
        wait_ms = answer.retry_ms > backoff_ms ? answer.retry_ms : backoff_ms;
        announce_retry(import, &answer, wait_ms);
        rm_answer_done(&answer);
        pause_ms(wait_ms);
        backoff_ms = backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
    }
}

static int import_chunk(struct import *import)
{
    struct rm_chunk *chunk = &import->chunk;
    struct rm_journal *journal = &import->journal;
    int error = rm_chunk_next(chunk, import->complaint);

    if (error == 0 && chunk->n_items > 0) {
        error = send_chunk(import);
        journal->n_chunks += error == 0;
    }
    if (error != 0) {
        return error;
    }
    journal->n_recorded += chunk->n_items;
    journal->n_skipped += chunk->n_skipped;
    journal->offset = chunk->offset;
    journal->line = chunk->line;
    journal->is_finished = chunk->is_last;
    return write_journal(import);
}

static int import_all(struct import *import)
{
    int error = 0;

    rm_chunk_init(&import->chunk, import->rows, (uint64_t)import->options->chunk,
                  import->options->skip_bad);
    rm_progress_start(&import->progress, import->journal.size, import->journal.n_recorded);
    while (error == 0 && !import->chunk.is_last) {
        error = import_chunk(import);
        rm_progress_show(&import->progress, import->journal.offset, import->journal.n_recorded);
    }
    rm_progress_clear(&import->progress);
    rm_chunk_done(&import->chunk);
    return error;
}

static void print_summary(const struct import *import, bool was_finished)
{
    const struct rm_journal *journal = &import->journal;
    char finished[RM_TIMESTAMP_TEXT_LEN + 1];

    if (import->options->is_json) {
        printf("{\"recorded\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"chunks\": %" PRIu64
               ", \"resumed\": %s, \"already_finished\": %s}\n",
               journal->n_recorded, journal->n_skipped, journal->n_chunks,
               import->is_resumed ? "true" : "false", was_finished ? "true" : "false");
        return;
    }
    if (was_finished) {
        rm_timestamp_format(journal->updated_ms, finished);
        printf("%s was imported before: %" PRIu64 " values into %s, finished %s; --restart records "
               "them again\n",
               import->options->path, journal->n_recorded, journal->url, finished);
        return;
    }
    printf("%" PRIu64 " values of %s recorded in %" PRIu64 " chunks", journal->n_recorded,
           import->options->path, journal->n_chunks);
    if (journal->n_skipped > 0) {
        printf(", %" PRIu64 " bad rows skipped", journal->n_skipped);
    }
    puts(import->is_resumed ? ", earlier runs included" : "");
}

static void import_done(struct import *import)
{
    rm_rows_free(import->rows);
    rm_journal_done(&import->journal);
    if (import->file != NULL) {
        fclose(import->file);
    }
    free(import);
}

static int run_import(struct rm_remote *remote, const struct rm_import_options *options,
                      struct rm_complaint *complaint)
{
    struct import *import = calloc(1, sizeof *import);
    bool was_finished;
    int error;

    if (import == NULL) {
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    import->options = options;
    import->remote = remote;
    import->complaint = complaint;
    error = prepare(import);
    was_finished = import->journal.is_finished;
    if (error == 0 && !was_finished) {
        error = import_all(import);
    }
    if (error == 0) {
        print_summary(import, was_finished);
    }
    import_done(import);
    return error;
}

static int run(struct rm_remote *remote, const struct rm_options *options)
{
    struct rm_import_options *import = malloc(sizeof *import);
    struct rm_complaint complaint;
    int exit_code = RM_EXIT_OK;

    if (import == NULL) {
        return rm_client_fail("import", RM_EXIT_FAILED, "out of memory");
    }
    if (rm_import_options_read(options, import, &complaint) != 0) {
        exit_code = rm_client_fail("import", RM_EXIT_USAGE, complaint.text);
    } else {
        if (run_import(remote, import, &complaint) != 0) {
            exit_code = rm_client_fail("import", RM_EXIT_FAILED, complaint.text);
        }
        rm_import_options_done(import);
    }
    free(import);
    return exit_code;
}

int rm_cmd_import(int argc, char **argv)
{
    const struct rm_client_command command = {
        "import", usage, rm_import_table, rm_import_n_table, 1, 1, run,
    };

    return rm_client_command_run(&command, argc, argv);
}
