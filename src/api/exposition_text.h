/* The text of an exposition out of a merge, in the portions that its reader has room for. */
#ifndef RAFTMETRICS_SRC_API_EXPOSITION_TEXT_H
#define RAFTMETRICS_SRC_API_EXPOSITION_TEXT_H

#include "exposition_merge.h"

struct rm__exposition_text {
    struct rm__exposition_merge *merge;
    struct rm_slice rest; /* of what the merge gave last */
    bool is_ending;       /* what is left is the end of the text */
};

void rm__exposition_text_init(struct rm__exposition_text *text, struct rm__exposition_merge *merge);

/* Up to @size bytes. *@ret_n is 0 with an error only. Errors: as rm__merge_next; RM_ENOTFOUND
 * behind the last byte of the whole text. */
int rm__exposition_text_read(struct rm__exposition_text *text, char *bytes, size_t size,
                             size_t *ret_n);

#endif
