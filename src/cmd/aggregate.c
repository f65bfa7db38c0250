/* raftmetrics aggregate: count, sum, mean and the like of a metric. */
#include <stdio.h>

#include "client_command.h"
#include "commands.h"
#include "show.h"
#include "target.h"

static const char usage[] =
    "usage: raftmetrics aggregate NAME [--window D | --from T --to T] [--label K:V]...\n"
    "                             [--agg A,A,...] [--step D]\n"
    "                             [--group-by L,L,... [--order-by A[:desc]] [--limit N]]\n\n"
    "Prints aggregates of a metric, one a line; of groups and steps a table. T is RFC 3339 or\n"
    "integer milliseconds, D a duration such as 5m or 1h30m.\n\n";

static const struct rm_option table[] = {
    RM_REMOTE_OPTIONS,
    RM_JSON_OPTION,
    {"from", "T", "not before this instant", false},
    {"to", "T", "before this instant", false},
    {"window", "D", "only the last such duration", false},
    {"label", "K:V", "only series with this label; repeatable, all must match", true},
    {"agg", "A,A,...",
     "which: count sum mean avg min max first last stddev variance median p99 p99.9 count_rate "
     "increase rate",
     false},
    {"step", "D", "for each such duration by itself", false},
    {"group-by", "L,L,...", "for the series of each value of these labels by themselves", false},
    {"order-by", "A[:desc]", "groups in the order of this aggregate", false},
    {"limit", "N", "only the first N groups", false},
    {"level", "LEVEL", "consistency: none, weak (default) or linearizable", false},
    {"decimals", "N", "round what is shown", false},
};

static const char *const parameters[] = {"from",  "to",    "window",   "label",
                                         "agg",   "step",  "group-by", "order-by",
                                         "limit", "level", "decimals", NULL};

/* ---- groups and steps, as rows ---- */

static void add_steps(json_t *rows, const json_t *labels, const json_t *steps)
{
    size_t i;
    json_t *step;

    json_array_foreach(steps, i, step)
    {
        json_t *row = json_object();

        json_object_set(row, "labels", (json_t *)(uintptr_t)labels);
        json_object_update(row, step);
        json_array_append_new(rows, row);
    }
}

/* Those of @root, out of which they are taken; NULL where it has none. */
static json_t *take_rows(json_t *root)
{
    json_t *groups = json_object_get(root, "groups");
    json_t *rows;
    size_t i;
    json_t *group;

    if (groups == NULL) {
        rows = json_incref(json_object_get(root, "series"));
        json_object_del(root, "series");
        return rows;
    }
    rows = json_array();
    json_array_foreach(groups, i, group)
    {
        const json_t *steps = json_object_get(group, "series");

        if (steps != NULL) {
            add_steps(rows, json_object_get(group, "labels"), steps);
        } else {
            json_array_append(rows, group);
        }
    }
    json_object_del(root, "groups");
    return rows;
}

static void show(json_t *root)
{
    json_t *rows = take_rows(root);

    rm_show_members(stdout, root);
    if (json_array_size(rows) > 0) {
        putchar('\n');
        rm_show_rows(stdout, rows);
    }
    json_decref(rows);
}

static int run(struct rm_remote *remote, const struct rm_options *options)
{
    struct rm_buffer target;
    json_t *root;
    int exit_code;

    rm_buffer_init(&target, RM_TARGET_MAX);
    if (rm_target_append(&target, "/metrics/") != 0 ||
        rm_target_append_segment(&target, options->words[0]) != 0 ||
        rm_target_append(&target, "/aggregate") != 0 ||
        rm_target_append_options(&target, options, parameters) != 0) {
        rm_buffer_done(&target);
        return rm_client_fail("aggregate", RM_EXIT_USAGE, "the arguments are too long");
    }
    exit_code = rm_client_get(remote, options, "aggregate", &target, &root);
    if (exit_code == RM_EXIT_OK && root != NULL) {
        show(root);
        json_decref(root);
    }
    return exit_code;
}

int rm_cmd_aggregate(int argc, char **argv)
{
    static const struct rm_client_command command = {
        "aggregate", usage, table, sizeof table / sizeof table[0], 1, 1, run,
    };

    return rm_client_command_run(&command, argc, argv);
}
