/* raftmetrics list: the names of the metrics. */
#include <stdio.h>
#include <stdlib.h>

#include "client_command.h"
#include "commands.h"
#include "raftmetrics/base/error.h"
#include "show.h"
#include "target.h"

enum { PAGE_MAX = 10000, LIMIT_DEFAULT = 1000, LIMIT_MAX = 100000000 };

static const char usage[] = "usage: raftmetrics list [--prefix TEXT] [--limit N]\n\n"
                            "Lists the metrics in the order of their names.\n\n";

static const struct rm_option table[] = {
    RM_REMOTE_OPTIONS,
    RM_JSON_OPTION,
    {"prefix", "TEXT", "only names that begin so", false},
    {"limit", "N", "at most N (default 1000)", false},
};

static const char *const parameters[] = {"prefix", NULL};

static int make_target(struct rm_buffer *target, const struct rm_options *options,
                       const char *cursor, long long limit)
{
    char number[32];
    int error = rm_target_append(target, "/metrics?format=json");

    snprintf(number, sizeof number, "%lld", limit < PAGE_MAX ? limit : PAGE_MAX);
    if (error == 0) {
        error = rm_target_append_parameter(target, "limit", number);
    }
    if (error == 0) {
        error = rm_target_append_options(target, options, parameters);
    }
    if (error == 0 && cursor != NULL) {
        error = rm_target_append_parameter(target, "cursor", cursor);
    }
    return error;
}

/* One page; its rows go to the end of @rows, its cursor to *@ret_next, NULL behind the last. */
static int ask_page(struct rm_remote *remote, const struct rm_options *options, const char *cursor,
                    long long limit, json_t *rows, json_t **ret_next)
{
    struct rm_buffer target;
    struct rm_answer answer;
    const char *text;
    json_t *page;
    int exit_code;

    rm_buffer_init(&target, RM_TARGET_MAX);
    if (make_target(&target, options, cursor, limit) != 0 ||
        rm_target_finish(&target, &text) != 0) {
        rm_buffer_done(&target);
        return rm_client_fail("list", RM_EXIT_USAGE, "the arguments are too long");
    }
    exit_code =
        rm_remote_ask(remote, "list", "GET", text, (struct rm_slice){NULL, 0}, NULL, &answer);
    rm_buffer_done(&target);
    if (exit_code != RM_EXIT_OK) {
        return exit_code;
    }
    page = json_loadb(answer.body, answer.body_len, JSON_DECODE_INT_AS_REAL, NULL);
    if (page == NULL) {
        exit_code = rm_client_fail("list", RM_EXIT_FAILED, "the daemon's answer is not JSON");
    } else if (rm_options_has(options, "json")) {
        rm_answer_print(&answer);
    }
    json_array_extend(rows, json_object_get(page, "metrics"));
    *ret_next = json_incref(json_object_get(page, "next"));
    json_decref(page);
    rm_answer_done(&answer);
    return exit_code;
}

static int run(struct rm_remote *remote, const struct rm_options *options)
{
    long long limit = LIMIT_DEFAULT;
    struct rm_complaint complaint;
    json_t *rows = json_array();
    json_t *cursor = NULL;
    int exit_code;

    if (rm_options_int(options, "limit", 1, LIMIT_MAX, &limit, &complaint) != 0) {
        json_decref(rows);
        return rm_client_fail("list", RM_EXIT_USAGE, complaint.text);
    }
    do {
        long long left = limit - (long long)json_array_size(rows);
        json_t *next = NULL;

        exit_code = ask_page(remote, options, json_string_value(cursor), left, rows, &next);
        json_decref(cursor);
        cursor = next;
    } while (exit_code == RM_EXIT_OK && json_is_string(cursor) &&
             (long long)json_array_size(rows) < limit);
    if (exit_code == RM_EXIT_OK && !rm_options_has(options, "json")) {
        rm_show_rows(stdout, rows);
        if (json_is_string(cursor)) {
            fprintf(stderr, "There are more than %lld; --limit N shows more.\n", limit);
        }
    }
    json_decref(cursor);
    json_decref(rows);
    return exit_code;
}

int rm_cmd_list(int argc, char **argv)
{
    static const struct rm_client_command command = {
        "list", usage, table, sizeof table / sizeof table[0], 0, 0, run,
    };

    return rm_client_command_run(&command, argc, argv);
}
