#include "status_table.h"

#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "show.h"

enum { SHORT_TEXT_MAX = 32 };

#define FIGURE_MAX 1e15 /* past it no integer is exact anyway */

static double figure(const json_t *object, const char *name)
{
    double value = json_number_value(json_object_get(object, name));

    return value < 0 ? 0 : value > FIGURE_MAX ? FIGURE_MAX : value;
}

static void add_value(struct rm_columns *columns, const json_t *value)
{
    char *text = rm_show_value(value);

    rm_columns_add(columns, text == NULL ? "?" : text);
    free(text);
}

static void add_member(struct rm_columns *columns, const json_t *object, const char *name)
{
    add_value(columns, json_object_get(object, name));
}

/* "1.5 MiB" */
static void format_bytes(double n_bytes, char ret_text[SHORT_TEXT_MAX])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    if (n_bytes < 1024) {
        snprintf(ret_text, SHORT_TEXT_MAX, "%.0f B", n_bytes);
        return;
    }
    for (n_bytes /= 1024; n_bytes >= 1024 && unit < 3; unit++) {
        n_bytes /= 1024;
    }
    snprintf(ret_text, SHORT_TEXT_MAX, "%.1f %s", n_bytes, units[unit]);
}

/* The two largest units: "3d 4h", "12m 5s". */
static void format_duration(double seconds, char ret_text[SHORT_TEXT_MAX])
{
    long long s = (long long)seconds;

    if (s < 60) {
        snprintf(ret_text, SHORT_TEXT_MAX, "%llds", s);
    } else if (s < 3600) {
        snprintf(ret_text, SHORT_TEXT_MAX, "%lldm %llds", s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(ret_text, SHORT_TEXT_MAX, "%lldh %lldm", s / 3600, s / 60 % 60);
    } else {
        snprintf(ret_text, SHORT_TEXT_MAX, "%lldd %lldh", s / 86400, s / 3600 % 24);
    }
}

static void add_formatted(struct rm_columns *columns, const json_t *object, const char *name,
                          void (*format)(double, char[SHORT_TEXT_MAX]))
{
    char text[SHORT_TEXT_MAX] = "-";

    if (json_is_number(json_object_get(object, name))) {
        format(figure(object, name), text);
    }
    rm_columns_add(columns, text);
}

static size_t n_up(const json_t *workers)
{
    size_t n = 0;
    size_t i;
    json_t *worker;

    json_array_foreach(workers, i, worker)
    {
        const char *state = json_string_value(json_object_get(worker, "state"));

        n += state != NULL && strcmp(state, "up") == 0;
    }
    return n;
}

/* A worker that knows no leader says 0. */
static bool has_leader(const json_t *shard)
{
    return figure(shard, "leader") > 0;
}

static size_t n_led(const json_t *shards)
{
    size_t n = 0;
    size_t i;
    json_t *shard;

    json_array_foreach(shards, i, shard)
    {
        n += has_leader(shard);
    }
    return n;
}

static void print_summary(FILE *out, const json_t *status)
{
    const json_t *cluster = json_object_get(status, "cluster");
    const json_t *shards = json_object_get(status, "shards");
    const char *name = json_string_value(json_object_get(cluster, "name"));
    const char *fingerprint = json_string_value(json_object_get(cluster, "fingerprint"));

    fprintf(out,
            "cluster %s (%s): %zu of %.0f workers up, %zu of %zu shards have a leader, "
            "replicas: %.0f\n",
            name == NULL ? "-" : name,
            fingerprint == NULL || *fingerprint == '\0' ? "-" : fingerprint,
            n_up(json_object_get(status, "workers")), figure(cluster, "workers"), n_led(shards),
            json_array_size(shards), figure(cluster, "replicas"));
}

static void print_control(FILE *out, const json_t *control)
{
    const char *version = json_string_value(json_object_get(control, "version"));
    char uptime[SHORT_TEXT_MAX];
    char queue[SHORT_TEXT_MAX];

    if (control == NULL) {
        return;
    }
    format_duration(figure(control, "uptime_seconds"), uptime);
    format_bytes(figure(control, "queue"), queue);
    fprintf(out, "control %s: up %s, %.0f requests, %.0f in flight, %s queued\n",
            version == NULL ? "-" : version, uptime, figure(control, "requests"),
            figure(control, "inflight"), queue);
}

static void add_headings(struct rm_columns *columns, const char *const *headings)
{
    for (; *headings != NULL; headings++) {
        rm_columns_add(columns, *headings);
    }
}

static void print_workers(FILE *out, const json_t *workers)
{
    static const char *const headings[] = {"WORKER", "ADDRESS", "STATE",  "VERSION", "UPTIME",
                                           "SERIES", "SAMPLES", "MEMORY", "DISK",    NULL};
    enum { RIGHT = 1 << 0 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 };
    struct rm_columns columns;
    size_t i;
    json_t *worker;

    rm_columns_init(&columns, sizeof headings / sizeof headings[0] - 1, RIGHT);
    add_headings(&columns, headings);
    json_array_foreach(workers, i, worker)
    {
        add_member(&columns, worker, "id");
        add_member(&columns, worker, "address");
        add_member(&columns, worker, "state");
        add_member(&columns, worker, "version");
        add_formatted(&columns, worker, "uptime_seconds", format_duration);
        add_member(&columns, worker, "series");
        add_member(&columns, worker, "samples");
        add_formatted(&columns, worker, "memory_bytes", format_bytes);
        add_formatted(&columns, worker, "disk_bytes", format_bytes);
    }
    rm_columns_print(out, &columns);
    rm_columns_done(&columns);
}

static bool has_reasons(const json_t *shards)
{
    size_t i;
    size_t j;
    json_t *shard;
    json_t *replica;

    json_array_foreach(shards, i, shard)
    {
        json_array_foreach(json_object_get(shard, "replicas"), j, replica)
        {
            if (json_is_string(json_object_get(replica, "reason"))) {
                return true;
            }
        }
    }
    return false;
}

/* What is the shard's stands in the row of its first replica only. */
static void add_shard(struct rm_columns *columns, const json_t *shard, bool is_first)
{
    if (!is_first) {
        rm_columns_add(columns, "");
        rm_columns_add(columns, "");
        rm_columns_add(columns, "");
        return;
    }
    add_member(columns, shard, "id");
    add_value(columns, has_leader(shard) ? json_object_get(shard, "leader") : NULL);
    add_member(columns, shard, "term");
}

static void add_replica(struct rm_columns *columns, const json_t *replica, bool with_reason)
{
    add_member(columns, replica, "worker");
    add_member(columns, replica, "role");
    add_member(columns, replica, "match_index");
    add_member(columns, replica, "applied_index");
    add_member(columns, replica, "lag");
    if (with_reason) {
        add_member(columns, replica, "reason");
    }
}

static void print_shards(FILE *out, const json_t *shards)
{
    static const char *const headings[] = {"SHARD", "LEADER",  "TERM", "WORKER", "ROLE",
                                           "MATCH", "APPLIED", "LAG",  NULL};
    enum { N_COLUMNS = 8, RIGHT = 0xff & ~(1 << 4) };
    bool with_reason = has_reasons(shards);
    struct rm_columns columns;
    size_t i;
    json_t *shard;

    rm_columns_init(&columns, with_reason ? N_COLUMNS + 1 : N_COLUMNS, RIGHT);
    add_headings(&columns, headings);
    if (with_reason) {
        rm_columns_add(&columns, "REASON");
    }
    json_array_foreach(shards, i, shard)
    {
        const json_t *replicas = json_object_get(shard, "replicas");
        size_t n = json_array_size(replicas);

        /* One that no worker tells of has a row too. */
        for (size_t j = 0; j == 0 || j < n; j++) {
            add_shard(&columns, shard, j == 0);
            add_replica(&columns, json_array_get(replicas, j), with_reason);
        }
    }
    rm_columns_print(out, &columns);
    rm_columns_done(&columns);
}

void rm_status_print(FILE *out, const json_t *status)
{
    print_summary(out, status);
    print_control(out, json_object_get(status, "control"));
    fputc('\n', out);
    print_workers(out, json_object_get(status, "workers"));
    fputc('\n', out);
    print_shards(out, json_object_get(status, "shards"));
}
