#include "raftmetrics/base/image.h"

int rm_image_gather(struct rm_image *image, size_t n_steps, bool *ret_is_whole)
{
    *ret_is_whole = true;
    return image->gather == NULL ? 0 : image->gather(image, n_steps, ret_is_whole);
}

void rm_image_release(struct rm_image *image)
{
    if (image != NULL) {
        image->release(image);
    }
}
