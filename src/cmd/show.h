/* JSON of the daemon for people. */
#ifndef RAFTMETRICS_SRC_CMD_SHOW_H
#define RAFTMETRICS_SRC_CMD_SHOW_H

#include <jansson.h>
#include <stdio.h>

/* One value as a short text, the caller's to free; NULL when out of memory. Numbers are the
 * shortest that read back, null and absent (NULL) are "-", arrays are comma-separated, objects are
 * as labels (host=web-1,dc=eu), and in an array shown by their member "worker". */
char *rm_show_value(const json_t *value);

/* An array of objects, one a row, with a heading; the columns are the members of the objects in
 * the order in which they come. */
void rm_show_rows(FILE *out, const json_t *array);

/* The members of an object, one a line. */
void rm_show_members(FILE *out, const json_t *object);

#endif
