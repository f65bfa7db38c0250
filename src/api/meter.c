#include "meter.h"

#include <stdio.h>
#include <string.h>

#include "self.h"

enum { ROUTE_TEXT_MAX = 64, STATUS_TEXT_MAX = 16 };

/* The answers that this program gives, the most frequent first; the last place is any other. */
static const unsigned statuses[RM__METER_STATUSES - 1] = {
    200, 202, 400, 401, 403, 404, 405, 409, 410, 411, 413, 414, 415,
    421, 422, 429, 431, 500, 501, 502, 503, 504, 505, 406, 408,
};

static size_t place_of_status(unsigned status)
{
    size_t i = 0;

    while (i < RM__METER_STATUSES - 1 && statuses[i] != status) {
        i++;
    }
    return i;
}

static size_t place_of_route(const struct rm__route *route, bool is_internal)
{
    if (route == NULL) {
        return RM__METER_ROUTES - 1;
    }
    return (size_t)route->action + (is_internal ? RM__ACTIONS : 0);
}

void rm__meter_count(struct rm__meter *meter, const struct rm__route *route, bool is_internal,
                     unsigned status)
{
    struct rm__meter_route *place = &meter->routes[place_of_route(route, is_internal)];

    rm_counter_add(&place->answers[place_of_status(status)], 1);
}

void rm__meter_time(struct rm__meter *meter, const struct rm__route *route, bool is_internal,
                    uint64_t duration_us)
{
    struct rm__meter_route *place = &meter->routes[place_of_route(route, is_internal)];

    rm_tally_record(&place->durations, &rm_tally_durations, duration_us);
}

void rm__meter_count_problem(struct rm__meter *meter, enum rm__problem_kind kind)
{
    rm_counter_add(&meter->problems[kind], 1);
}

/* ---- families ---- */

struct route_text {
    const char *method;
    char path[ROUTE_TEXT_MAX];
};

/* A path with "{name}" in the place of the metric's, so that names of metrics make no series. */
static struct route_text describe(size_t place)
{
    struct route_text text = {.method = "other", .path = "other"};
    const char *path;
    const char *star;
    size_t len;
    bool is_internal;

    if (place == RM__METER_ROUTES - 1) {
        return text;
    }
    rm__route_describe((enum rm__action)(place % RM__ACTIONS), &text.method, &path, &is_internal);
    len = (size_t)snprintf(text.path, sizeof text.path, "%s",
                           place >= RM__ACTIONS ? "/internal" : "");
    star = strchr(path, '*');
    snprintf(text.path + len, sizeof text.path - len, "%.*s%s%s",
             star == NULL ? (int)strlen(path) : (int)(star - path), path,
             star == NULL ? "" : "{name}", star == NULL ? "" : star + 1);
    return text;
}

static uint64_t sum_answers(const struct rm__meter *const *meters, size_t n_meters, size_t route,
                            size_t status)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n_meters; i++) {
        sum += rm_counter_read(&meters[i]->routes[route].answers[status]);
    }
    return sum;
}

static void write_answers(struct rm_exposition *exposition, const struct rm__meter *const *meters,
                          size_t n_meters)
{
    rm__self_counter(exposition, "raftmetrics_http_requests_total",
                     "Requests that were answered, by route and status code.");
    for (size_t route = 0; route < RM__METER_ROUTES; route++) {
        struct route_text text = describe(route);

        for (size_t i = 0; i < RM__METER_STATUSES; i++) {
            uint64_t n = sum_answers(meters, n_meters, route, i);
            char code[STATUS_TEXT_MAX] = "other";

            if (n == 0) {
                continue;
            }
            if (i < RM__METER_STATUSES - 1) {
                snprintf(code, sizeof code, "%u", statuses[i]);
            }
            rm__self_labels(exposition, "method", text.method, "route", text.path, "code", code,
                            NULL);
            rm_exposition_count(exposition, n);
        }
    }
}

static void write_durations(struct rm_exposition *exposition, const struct rm__meter *const *meters,
                            size_t n_meters)
{
    rm__self_histogram(exposition, "raftmetrics_http_request_duration_seconds",
                       "From when a request was in to when it was answered, by route.");
    for (size_t route = 0; route < RM__METER_ROUTES; route++) {
        struct route_text text = describe(route);
        struct rm_tally sum = {0};

        for (size_t i = 0; i < n_meters; i++) {
            rm_tally_merge(&sum, &meters[i]->routes[route].durations);
        }
        if (rm_tally_count(&sum) > 0) {
            rm__self_labels(exposition, "method", text.method, "route", text.path, NULL);
            rm__self_tally(exposition, &rm_tally_durations, &sum);
        }
    }
}

/* What refuses for now is told from the start, so that its first time shows as a rise. */
static bool is_always_told(unsigned status)
{
    return status == 429 || status == 503;
}

static void write_problems(struct rm_exposition *exposition, const struct rm__meter *const *meters,
                           size_t n_meters)
{
    rm__self_counter(
        exposition, "raftmetrics_http_errors_total",
        "Requests in which this process found an error, by the error and its status code.");
    for (int kind = 0; kind < RM__PROBLEM_KINDS; kind++) {
        unsigned status = rm__problem_status((enum rm__problem_kind)kind);
        char code[STATUS_TEXT_MAX];
        uint64_t n = 0;

        for (size_t i = 0; i < n_meters; i++) {
            n += rm_counter_read(&meters[i]->problems[kind]);
        }
        if (n == 0 && !is_always_told(status)) {
            continue;
        }
        snprintf(code, sizeof code, "%u", status);
        rm__self_labels(exposition, "code", code, "error",
                        rm__problem_code((enum rm__problem_kind)kind), NULL);
        rm_exposition_count(exposition, n);
    }
}

static void write_clashes(struct rm_exposition *exposition, const struct rm__meter *const *meters,
                          size_t n_meters)
{
    uint64_t n = 0;

    for (size_t i = 0; i < n_meters; i++) {
        n += rm_counter_read(&meters[i]->n_clashes);
    }
    rm__self_counter(exposition, "raftmetrics_exposition_clashes_total",
                     "Families that were left out of answers to GET /metrics, for one that comes "
                     "before them has names in common with them.");
    rm_exposition_count(exposition, n);
}

void rm__meter_write(struct rm_exposition *exposition, const struct rm__meter *const *meters,
                     size_t n_meters)
{
    write_answers(exposition, meters, n_meters);
    write_durations(exposition, meters, n_meters);
    write_problems(exposition, meters, n_meters);
    write_clashes(exposition, meters, n_meters);
}
