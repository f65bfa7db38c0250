#include "flight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../write.h"
#include "raftmetrics/base/clock.h"
#include "raftmetrics/base/error.h"

enum { NO_ID_LEN = sizeof "X-Request-Id: " - 1 };

/* How many of @gathering one batch may hold. */
static size_t count_parts(const struct rm_list *gathering, size_t *ret_n_bytes)
{
    const struct rm_list *link;
    size_t n_bytes = 0;
    size_t n = 0;

    for (link = gathering->next; link != gathering; link = link->next) {
        size_t part_bytes = RM_LIST_ENTRY(link, struct rm__part, link)->bytes.len;

        if (n == RM__APPEND_WRITES_MAX || (n > 0 && n_bytes + part_bytes > RM__APPEND_BYTES_MAX)) {
            break;
        }
        n_bytes += part_bytes;
        n++;
    }
    *ret_n_bytes = n_bytes;
    return n;
}

static void take_part(struct rm__flight *flight, struct rm_list *gathering)
{
    struct rm__part *part = RM_LIST_ENTRY(gathering->next, struct rm__part, link);

    rm_list_remove(&part->link);
    flight->parts[flight->n_parts++] = part;
    flight->n_waiting++;
    (void)rm_buffer_append_slice(&flight->bytes, rm_buffer_peek(&part->bytes));
}

static void release(struct rm__flight *flight)
{
    rm_buffer_done(&flight->bytes);
    free(flight->parts);
    free(flight);
}

int rm__flight_new(struct rm__queue_budget *budget, struct rm_list *gathering, uint64_t sequence,
                   struct rm__flight **ret_flight)
{
    struct rm__flight *flight = calloc(1, sizeof *flight);
    size_t n_bytes;
    size_t n = count_parts(gathering, &n_bytes);

    if (flight == NULL) {
        return RM_ENOMEM;
    }
    flight->budget = budget;
    flight->sequence = sequence;
    flight->parts = malloc(n * sizeof(struct rm__part *));
    rm_buffer_init(&flight->bytes, RM__APPEND_BYTES_MAX);
    if (flight->parts == NULL || rm_buffer_reserve(&flight->bytes, n_bytes) != 0) {
        release(flight);
        return RM_ENOMEM;
    }
    while (flight->n_parts < n) {
        take_part(flight, gathering);
    }
    flight->shard = flight->parts[0]->shard;
    flight->since_us = rm_clock_mono_us();
    if (budget->meter != NULL) {
        rm_counter_add(&budget->meter->shards[flight->shard].n_inflight_writes, n);
    }
    *ret_flight = flight;
    return 0;
}

/* It is on its way no more. */
static void land(const struct rm__flight *flight)
{
    struct rm__control_meter *meter = flight->budget->meter;

    if (meter != NULL) {
        rm_counter_subtract(&meter->shards[flight->shard].n_inflight_writes, flight->n_parts);
    }
}

static void count_batch(const struct rm__flight *flight)
{
    struct rm__control_meter *meter = flight->budget->meter;

    if (meter != NULL) {
        rm_tally_record(&meter->batch_writes, &rm_tally_counts, flight->n_parts);
        rm_tally_record(&meter->batch_bytes, &rm_tally_bytes, flight->bytes.len);
        rm_tally_record(&meter->batch_us, &rm_tally_durations,
                        rm_clock_mono_us() - flight->since_us);
    }
}

void rm__flight_free(struct rm__flight *flight)
{
    land(flight);
    count_batch(flight);
    release(flight);
}

/* The part in a place, to be answered now; NULL where it was answered. */
static struct rm__part *take_place(struct rm__flight *flight, size_t i)
{
    struct rm__part *part = flight->parts[i];

    flight->parts[i] = NULL;
    flight->n_waiting -= part != NULL;
    return part;
}

void rm__flight_settle(struct rm__flight *flight, enum rm__fate fate, uint32_t worker)
{
    for (size_t i = 0; i < flight->n_parts; i++) {
        struct rm__part *part = take_place(flight, i);

        if (part != NULL) {
            rm__queue_budget_finish(flight->budget, part, fate, worker);
        }
    }
    rm__flight_free(flight);
}

void rm__flight_take_reply(struct rm__flight *flight, struct rm_slice reply, uint32_t worker)
{
    enum rm_outcome *outcomes = malloc(flight->n_parts * sizeof *outcomes);

    if (outcomes == NULL || rm_write_reply_decode(reply, outcomes, flight->n_parts) != 0) {
        free(outcomes);
        rm__flight_settle(flight, RM__FATE_UNKNOWN, worker);
        return;
    }
    for (size_t i = 0; i < flight->n_parts; i++) {
        struct rm__part *part = take_place(flight, i);

        if (part != NULL) {
            rm__queue_budget_finish(flight->budget, part, rm__fate_of_outcome(outcomes[i]), worker);
        }
    }
    free(outcomes);
    rm__flight_free(flight);
}

void rm__flight_dissolve(struct rm__flight *flight, struct rm_list *gathering)
{
    struct rm_list all;

    rm_list_init(&all);
    for (size_t i = 0; i < flight->n_parts; i++) {
        struct rm__part *part = take_place(flight, i);

        if (part != NULL) {
            rm_list_push_back(&all, &part->link);
        }
    }
    rm_list_splice(&all, gathering);
    rm_list_splice(gathering, &all);
    land(flight);
    release(flight);
}

bool rm__flight_is_due(const struct rm__flight *flight, uint64_t now_ms)
{
    for (size_t i = 0; i < flight->n_parts; i++) {
        if (flight->parts[i] != NULL && flight->parts[i]->deadline_ms <= now_ms) {
            return true;
        }
    }
    return false;
}

void rm__flight_expire(struct rm__flight *flight, uint64_t now_ms)
{
    for (size_t i = 0; i < flight->n_parts; i++) {
        if (flight->parts[i] != NULL && flight->parts[i]->deadline_ms <= now_ms) {
            rm__queue_budget_finish(flight->budget, take_place(flight, i), RM__FATE_UNKNOWN, 0);
        }
    }
}

void rm__flight_format_ids(const struct rm__flight *flight, char *ret_header, size_t size)
{
    size_t len = (size_t)snprintf(ret_header, size, "X-Request-Id: ");

    for (size_t i = 0; i < flight->n_parts; i++) {
        const char *id = flight->parts[i] == NULL ? "" : flight->parts[i]->request_id;
        size_t id_len = strlen(id);
        bool is_first = len == NO_ID_LEN;

        if (id_len == 0) {
            continue;
        }
        if (len + !is_first + id_len + 1 > size) {
            return;
        }
        if (!is_first) {
            ret_header[len++] = ',';
        }
        memcpy(ret_header + len, id, id_len + 1);
        len += id_len;
    }
}
