/* An image as one blob, as a snapshot brings it. */
#ifndef RAFTMETRICS_TESTS_UNIT_IMAGE_BLOB_H
#define RAFTMETRICS_TESTS_UNIT_IMAGE_BLOB_H

#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/blob.h"
#include "raftmetrics/base/image.h"

/* NULL when out of memory. */
static inline struct rm_blob *image_blob(const struct rm_image *image)
{
    char *bytes = malloc(image->n_bytes);
    struct rm_blob *blob = bytes == NULL ? NULL : rm_blob_new(bytes, image->n_bytes);
    char *end = bytes;

    if (blob == NULL) {
        free(bytes);
        return NULL;
    }
    for (size_t i = 0; i < image->n_pieces; i++) {
        memcpy(end, image->pieces[i].data, image->pieces[i].len);
        end += image->pieces[i].len;
    }
    return blob;
}

#endif
