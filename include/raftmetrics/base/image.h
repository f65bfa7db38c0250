/* A frozen image of something, as the pieces of its bytes in order: what it was made from may
 * change while the image is written somewhere, piece by piece. */
#ifndef RAFTMETRICS_BASE_IMAGE_H
#define RAFTMETRICS_BASE_IMAGE_H

#include <stddef.h>

#include "raftmetrics/base/slice.h"

/* Embedded in what its maker keeps beside it. Every piece begins at a multiple of 8 bytes of the
 * whole: all lengths are multiples of 8. */
struct rm_image {
    const struct rm_slice *pieces;
    size_t n_pieces;
    size_t n_bytes; /* of all pieces */
    void (*release)(struct rm_image *image);
};

/* Lets go of the pieces and of the image. Takes NULL. On the thread that made it. */
void rm_image_release(struct rm_image *image);

#endif
