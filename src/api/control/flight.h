/* A batch that a shard's leader is to be handed: parts, and the bytes of all of them under one
 * number of the sender's session. The bytes never change, so that whoever is handed them again
 * knows them again. */
#ifndef RAFTMETRICS_SRC_API_CONTROL_FLIGHT_H
#define RAFTMETRICS_SRC_API_CONTROL_FLIGHT_H

#include "queue_budget.h"

struct rm__flight {
    struct rm__queue_budget *budget;
    uint64_t sequence;
    struct rm_buffer bytes;
    struct rm__part **parts; /* NULL in the place of one that is answered */
    size_t n_parts;
    size_t n_waiting; /* not answered yet */

    /* Some leader may have been handed it and did not say that nothing was done: it may be
     * recorded, or be so yet. Nobody may be told the contrary from then on. */
    bool may_be_recorded;

    uint32_t shard;
    uint64_t since_us; /* of rm_clock_mono_us: when it was made */

    bool has_failed; /* at some leader: that was logged */
};

/* Takes parts out of @gathering, as many as one batch may hold, at least one.
 * Errors: RM_ENOMEM; nothing was taken. */
int rm__flight_new(struct rm__queue_budget *budget, struct rm_list *gathering, uint64_t sequence,
                   struct rm__flight **ret_flight);

/* Each part was answered. */
void rm__flight_free(struct rm__flight *flight);

/* Ends all that wait, and frees. */
void rm__flight_settle(struct rm__flight *flight, enum rm__fate fate, uint32_t worker);

/* As rm__flight_settle, by what the leader @worker replied: an outcome a place. A reply that is
 * none leaves the outcome unknown. */
void rm__flight_take_reply(struct rm__flight *flight, struct rm_slice reply, uint32_t worker);

/* Nothing of it was done: puts those that wait at the head of @gathering, in order, and frees. */
void rm__flight_dissolve(struct rm__flight *flight, struct rm_list *gathering);

/* Has the deadline of any come that waits? */
bool rm__flight_is_due(const struct rm__flight *flight, uint64_t now_ms);

/* Answers those whose deadline has come: the outcome is unknown. */
void rm__flight_expire(struct rm__flight *flight, uint64_t now_ms);

/* The field with the ids of the requests in the batch, as many as fit, for the worker's log. */
void rm__flight_format_ids(const struct rm__flight *flight, char *ret_header, size_t size);

#endif
