/* raftmetrics get: the values of a metric. */
#include <stdio.h>
#include <stdlib.h>

#include "client_command.h"
#include "columns.h"
#include "commands.h"
#include "show.h"
#include "target.h"

static const char usage[] =
    "usage: raftmetrics get NAME [--window D | --from T --to T] [--label K:V]... [--limit N]\n\n"
    "Prints the values of a metric in the order of their timestamps, one a line. T is RFC 3339 or\n"
    "integer milliseconds, D a duration such as 5m or 1h30m.\n\n";

static const struct rm_option table[] = {
    RM_REMOTE_OPTIONS,
    RM_JSON_OPTION,
    {"from", "T", "not before this instant", false},
    {"to", "T", "before this instant", false},
    {"window", "D", "only the last such duration", false},
    {"label", "K:V", "only series with this label; repeatable, all must match", true},
    {"limit", "N", "the newest N values (default 10000)", false},
    {"timestamps", NULL, "print when each value was measured", false},
    {"by", "series", "series by series", false},
    {"level", "LEVEL", "consistency: none, weak (default) or linearizable", false},
    {"decimals", "N", "round what is shown", false},
    {"cursor", "CURSOR", "go on to older values", false},
};

static const char *const parameters[] = {"from",     "to",         "window", "label",
                                         "limit",    "timestamps", "by",     "level",
                                         "decimals", "cursor",     NULL};

static void print_values(const json_t *object, const char *indent)
{
    const json_t *timestamps = json_object_get(object, "timestamps");
    size_t i;
    json_t *value;

    json_array_foreach(json_object_get(object, "values"), i, value)
    {
        char *text = rm_show_value(value);
        const char *timestamp = json_string_value(json_array_get(timestamps, i));

        fputs(indent, stdout);
        if (timestamp != NULL) {
            printf("%s  ", timestamp);
        }
        puts(text == NULL ? "?" : text);
        free(text);
    }
}

static void print_labels(const json_t *labels)
{
    const char *separator = "";
    const char *name;
    json_t *value;

    putchar('{');
    json_object_foreach((json_t *)(uintptr_t)labels, name, value)
    {
        printf("%s%s=\"%s\"", separator, name, json_string_value(value));
        separator = ", ";
    }
    puts("}");
}

static void print_answer(const json_t *root)
{
    const json_t *all = json_object_get(root, "series");
    const char *next = json_string_value(json_object_get(root, "next"));
    char *total = rm_show_value(json_object_get(root, "total"));
    size_t i;
    json_t *series;

    if (all == NULL) {
        print_values(root, "");
    }
    json_array_foreach(all, i, series)
    {
        print_labels(json_object_get(series, "labels"));
        print_values(series, "  ");
    }
    if (next != NULL) {
        fprintf(stderr, "There are older values, %s in all; --cursor '%s' goes on.\n",
                total == NULL ? "?" : total, next);
    }
    free(total);
}

static int run(struct rm_remote *remote, const struct rm_options *options)
{
    struct rm_buffer target;
    json_t *root;
    int exit_code;

    rm_buffer_init(&target, RM_TARGET_MAX);
    if (rm_target_append(&target, "/metrics/") != 0 ||
        rm_target_append_segment(&target, options->words[0]) != 0 ||
        rm_target_append_options(&target, options, parameters) != 0) {
        rm_buffer_done(&target);
        return rm_client_fail("get", RM_EXIT_USAGE, "the arguments are too long");
    }
    exit_code = rm_client_get(remote, options, "get", &target, &root);
    if (exit_code == RM_EXIT_OK && root != NULL) {
        print_answer(root);
        json_decref(root);
    }
    return exit_code;
}

int rm_cmd_get(int argc, char **argv)
{
    static const struct rm_client_command command = {
        "get", usage, table, sizeof table / sizeof table[0], 1, 1, run,
    };

    return rm_client_command_run(&command, argc, argv);
}
