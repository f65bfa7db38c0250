#include "raftmetrics/cmd/options.h"

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

static const struct rm_option *find(const struct rm_option *table, size_t n_table, const char *text,
                                    size_t text_len)
{
    for (size_t i = 0; i < n_table; i++) {
        if (rm_slice_is(rm_slice_make(text, text_len), table[i].name)) {
            return &table[i];
        }
    }
    return NULL;
}

static bool is_negative_number(const char *word)
{
    return word[0] == '-' && ((word[1] >= '0' && word[1] <= '9') || word[1] == '.');
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && !is_negative_number(word);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool asks_for_help(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) {
            return true;
        }
    }
    return false;
}

/* Takes the option at @argv[*@i], and its value from the next word where it needs one. */
static int take_option(struct rm_options *options, const struct rm_option *table, size_t n_table,
                       int argc, char *const *argv, int *i, struct rm_complaint *complaint)
{
    const char *text = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
    const char *equals = strchr(text, '=');
    size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const struct rm_option *option = argv[*i][1] == '-' ? find(table, n_table, text, len) : NULL;
    const char *value = NULL;

    if (option == NULL) {
        return rm_complain(complaint, RM_EINVAL, "unknown option %s", argv[*i]);
    }
    if (option->value == NULL && equals != NULL) {
        return rm_complain(complaint, RM_EINVAL, "--%s takes no value", option->name);
    }
    if (option->value != NULL) {
        if (equals == NULL && *i + 1 >= argc) {
            return rm_complain(complaint, RM_EINVAL, "--%s needs a value", option->name);
        }
        value = equals != NULL ? equals + 1 : argv[++*i];
    }
    if (!option->repeats && rm_options_has(options, option->name)) {
        return rm_complain(complaint, RM_EINVAL, "--%s is given twice", option->name);
    }
    options->given[options->n_given++] = (struct rm_given_option){option, value};
    return 0;
}

static int take_all(struct rm_options *options, const struct rm_option *table, size_t n_table,
                    int argc, char *const *argv, struct rm_complaint *complaint)
{
    bool only_words = false;

    for (int i = 1; i < argc; i++) {
        int error = 0;

        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && is_option(argv[i])) {
            error = take_option(options, table, n_table, argc, argv, &i, complaint);
        } else {
            options->words[options->n_words++] = argv[i];
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int rm_options_parse(struct rm_options *options, const struct rm_option *table, size_t n_table,
                     int argc, char *const *argv, struct rm_complaint *complaint)
{
    struct rm_options parsed = {0};
    size_t room = argc > 0 ? (size_t)argc : 1;
    int error;

    parsed.given = calloc(room, sizeof *parsed.given);
    parsed.words = calloc(room, sizeof *parsed.words);
    if (parsed.given == NULL || parsed.words == NULL) {
        rm_options_done(&parsed);
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    parsed.wants_help = asks_for_help(argc, argv);
    error = parsed.wants_help ? 0 : take_all(&parsed, table, n_table, argc, argv, complaint);
    if (error != 0) {
        rm_options_done(&parsed);
        return error;
    }
    *options = parsed;
    return 0;
}

void rm_options_done(struct rm_options *options)
{
    free(options->given);
    free(options->words);
    *options = (struct rm_options){0};
}

const char *rm_options_nth(const struct rm_options *options, const char *name, size_t index)
{
    for (size_t i = 0; i < options->n_given; i++) {
        if (strcmp(options->given[i].option->name, name) == 0 && index-- == 0) {
            return options->given[i].value;
        }
    }
    return NULL;
}

const char *rm_options_value(const struct rm_options *options, const char *name)
{
    return rm_options_nth(options, name, 0);
}

bool rm_options_has(const struct rm_options *options, const char *name)
{
    for (size_t i = 0; i < options->n_given; i++) {
        if (strcmp(options->given[i].option->name, name) == 0) {
            return true;
        }
    }
    return false;
}

int rm_options_int(const struct rm_options *options, const char *name, long long min, long long max,
                   long long *ret_value, struct rm_complaint *complaint)
{
    const char *text = rm_options_value(options, name);
    int64_t value;

    if (text == NULL) {
        return 0;
    }
    if (rm_int_parse(rm_slice_of(text), min, max, &value) != 0) {
        return rm_complain(complaint, RM_EINVAL,
                           "--%s must be a whole number between %lld and %lld, not \"%s\"", name,
                           min, max, text);
    }
    *ret_value = value;
    return 0;
}

/* Prints @text from the help column on, broken between words. */
static void print_wrapped(FILE *out, const char *text)
{
    size_t column = HELP_COLUMN;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column > HELP_COLUMN && column + 1 + len > HELP_WIDTH) {
            fprintf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        fprintf(out, "%s%.*s", column > HELP_COLUMN ? " " : "", (int)len, text);
        column += len + (column > HELP_COLUMN ? 1 : 0);
        text += len + (text[len] == ' ' ? 1 : 0);
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct rm_option *option)
{
    int width = fprintf(out, "  --%s", option->name);

    if (option->value != NULL) {
        width += fprintf(out, " %s", option->value);
    }
    if (width >= HELP_COLUMN - 1) {
        fputc('\n', out);
        width = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - width, "");
    print_wrapped(out, option->help);
}

void rm_options_print(FILE *out, const struct rm_option *table, size_t n_table)
{
    static const struct rm_option help = {"help", NULL, "print this and end", false};

    for (size_t i = 0; i < n_table; i++) {
        print_option(out, &table[i]);
    }
    print_option(out, &help);
}
