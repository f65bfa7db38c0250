/* The answer of GET /status, for people. */
#ifndef RAFTMETRICS_SRC_CMD_STATUS_TABLE_H
#define RAFTMETRICS_SRC_CMD_STATUS_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* A summary, then the workers, then a row for each replica of each shard:
 *
 *   SHARD  LEADER  TERM  WORKER  ROLE      MATCH  APPLIED  LAG
 *       0       1     3       1  leader       42       42    0
 *                             2  follower     42       41    1
 *
 * with a column for the reason where some replica has one. What @status lacks is "-"; @status may
 * be any JSON, also that of a worker, which tells of itself alone. */
void rm_status_print(FILE *out, const json_t *status);

#endif
