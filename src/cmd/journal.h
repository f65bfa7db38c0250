/* How far an import has come: a small JSON file, replaced and synced after each chunk that was
 * acknowledged. What it says is recorded, is; one chunk more may be. */
#ifndef RAFTMETRICS_SRC_CMD_JOURNAL_H
#define RAFTMETRICS_SRC_CMD_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/cmd/complaint.h"

struct rm_journal {
    /* What is imported, where to, and how: a journal serves no other import. */
    char *url;
    char *settings;   /* the options that decide what is sent */
    uint64_t content; /* hash of the file */
    uint64_t size;    /* bytes of the file */
    uint64_t salt;    /* 0, or random after --restart: other keys than before */

    uint64_t n_chunks; /* acknowledged */
    uint64_t offset;   /* where in the file the next one begins */
    uint64_t line;
    uint64_t n_recorded;
    uint64_t n_skipped; /* bad rows */
    int64_t updated_ms; /* wall clock */
    bool is_finished;
};

/* Errors: RM_ENOTFOUND: there is none; RM_EINVAL (not a journal), RM_EIO, RM_ENOMEM with a
 * sentence. */
int rm_journal_read(const char *path, struct rm_journal *ret_journal,
                    struct rm_complaint *complaint);

/* Errors: RM_EIO, RM_ENOMEM with a sentence. */
int rm_journal_write(const char *path, const struct rm_journal *journal,
                     struct rm_complaint *complaint);

void rm_journal_done(struct rm_journal *journal);

#endif
