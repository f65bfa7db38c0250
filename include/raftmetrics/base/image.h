/* An image of something as it was at one moment, as the pieces of its bytes in order: what it was
 * made from may change while the image is gathered, and then written somewhere, piece by piece. */
#ifndef RAFTMETRICS_BASE_IMAGE_H
#define RAFTMETRICS_BASE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "raftmetrics/base/slice.h"

/* Embedded in what its maker keeps beside it. Every piece begins at a multiple of 8 bytes of the
 * whole: all lengths are multiples of 8. */
struct rm_image {
    /* Once the image is whole, until it is released; then other threads may read them. */
    const struct rm_slice *pieces;
    size_t n_pieces;
    size_t n_bytes; /* of all pieces */
    /* As below. NULL: the image is whole from the beginning. */
    int (*gather)(struct rm_image *image, size_t n_steps, bool *ret_is_whole);
    void (*release)(struct rm_image *image);
};

/* Goes on gathering the image, on the thread that made it: about @n_steps steps, of a microsecond
 * at most each, for nobody knows how many are left. Does nothing once *@ret_is_whole.
 * Errors: RM_ENOMEM, after which the image may only be released. */
int rm_image_gather(struct rm_image *image, size_t n_steps, bool *ret_is_whole);

/* Lets go of the pieces and of the image, whole or not. Takes NULL. On the thread that made it. */
void rm_image_release(struct rm_image *image);

#endif
