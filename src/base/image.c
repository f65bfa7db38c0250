#include "raftmetrics/base/image.h"

void rm_image_release(struct rm_image *image)
{
    if (image != NULL) {
        image->release(image);
    }
}
