/* The bytes of an exposition as they are sent: its text, compressed where the client takes that. */
#ifndef RAFTMETRICS_SRC_API_EXPOSITION_BODY_H
#define RAFTMETRICS_SRC_API_EXPOSITION_BODY_H

#include "exposition_text.h"
#include "raftmetrics/net/gzip.h"

enum { RM__EXPOSITION_PLAIN_BYTES = 8 << 10 };

struct rm__exposition_body {
    struct rm__exposition_text text;
    struct rm_gzip *gzip;  /* NULL: it goes as it is */
    struct rm_slice plain; /* of the text, not compressed yet */
    bool is_plain_done;    /* nothing comes behind that */
    bool has_ended;
    char bytes[RM__EXPOSITION_PLAIN_BYTES];
};

/* Errors: RM_ENOMEM. */
int rm__exposition_body_init(struct rm__exposition_body *body, struct rm__exposition_merge *merge,
                             bool is_gzip);
void rm__exposition_body_done(struct rm__exposition_body *body);

/* As rm__exposition_text_read. */
int rm__exposition_body_read(struct rm__exposition_body *body, char *bytes, size_t size,
                             size_t *ret_n);

#endif
