/* The options of a subcommand, out of one table: it is parsed from and --help is printed from it.
 *
 *   --key value, --key=value    an option with a value
 *   --key                       a switch
 *   --                          what follows are words
 *   anything else               a word; so is a negative number */
#ifndef RAFTMETRICS_CMD_OPTIONS_H
#define RAFTMETRICS_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "raftmetrics/cmd/complaint.h"

/* Exit codes of every subcommand. */
enum { RM_EXIT_OK = 0, RM_EXIT_FAILED = 1, RM_EXIT_USAGE = 2 };

struct rm_option {
    const char *name;  /* without the dashes */
    const char *value; /* what stands for its value in --help; NULL: a switch */
    const char *help;  /* one sentence */
    bool repeats;      /* may be given more than once */
};

struct rm_given_option {
    const struct rm_option *option;
    const char *value; /* NULL for a switch */
};

/* What was given; texts are borrowed from argv. */
struct rm_options {
    struct rm_given_option *given;
    size_t n_given;
    const char **words;
    size_t n_words;
    bool wants_help; /* --help or -h; what else is wrong does not matter then */
};

/* Parses @argv from index 1 on. --help and -h are always known.
 * Errors: RM_EINVAL with a sentence; RM_ENOMEM. Nothing is to be freed then. */
int rm_options_parse(struct rm_options *options, const struct rm_option *table, size_t n_table,
                     int argc, char *const *argv, struct rm_complaint *complaint);
void rm_options_done(struct rm_options *options);

/* The value of an option that has one; NULL where it was not given. */
const char *rm_options_value(const struct rm_options *options, const char *name);

/* Whether a switch, or an option, was given. */
bool rm_options_has(const struct rm_options *options, const char *name);

/* The @index-th value of an option that repeats; NULL past the last. */
const char *rm_options_nth(const struct rm_options *options, const char *name, size_t index);

/* An integer between @min and @max; @ret_value is left as it is where the option was not given.
 * Errors: RM_EINVAL with a sentence. */
int rm_options_int(const struct rm_options *options, const char *name, long long min, long long max,
                   long long *ret_value, struct rm_complaint *complaint);

/* The table, two columns, wrapped. */
void rm_options_print(FILE *out, const struct rm_option *table, size_t n_table);

#endif
