/* A sentence for the person who gave us something wrong: what is wrong, its value, and where it
 * came from. One line, without a newline at its end. */
#ifndef RAFTMETRICS_CMD_COMPLAINT_H
#define RAFTMETRICS_CMD_COMPLAINT_H

enum { RM_COMPLAINT_MAX = 1024 };

struct rm_complaint {
    char text[RM_COMPLAINT_MAX]; /* "" until something is wrong; cut where it is longer */
};

/* Writes the sentence and returns @error, so that a failing function ends in one statement.
 * Control characters become '?', so that a value cannot break the line. */
int rm_complain(struct rm_complaint *complaint, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
