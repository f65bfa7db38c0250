/* An image as one blob, as a snapshot brings it. */
#ifndef RAFTMETRICS_TESTS_UNIT_IMAGE_BLOB_H
#define RAFTMETRICS_TESTS_UNIT_IMAGE_BLOB_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/blob.h"
#include "raftmetrics/base/image.h"

/* Gathers the image before. NULL when out of memory. */
static inline struct rm_blob *image_blob(struct rm_image *image)
{
    bool is_whole = false;
    struct rm_blob *blob;
    char *bytes;
    char *end;

    while (!is_whole) {
        if (rm_image_gather(image, 1000, &is_whole) != 0) {
            return NULL;
        }
    }
    bytes = malloc(image->n_bytes);
    blob = bytes == NULL ? NULL : rm_blob_new(bytes, image->n_bytes);
    end = bytes;
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
