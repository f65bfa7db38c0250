#include "raftmetrics/base/blob.h"

#include <assert.h>
#include <stdlib.h>

struct rm_blob {
    void *data;
    size_t len;
    size_t n_owners;
};

struct rm_blob *rm_blob_new(void *data, size_t len)
{
    struct rm_blob *blob = malloc(sizeof *blob);

    if (blob != NULL) {
        *blob = (struct rm_blob){data, len, 1};
    }
    return blob;
}

struct rm_blob *rm_blob_ref(struct rm_blob *blob)
{
    blob->n_owners++;
    return blob;
}

void rm_blob_unref(struct rm_blob *blob)
{
    if (blob == NULL) {
        return;
    }
    assert(blob->n_owners > 0);
    blob->n_owners--;
    if (blob->n_owners == 0) {
        free(blob->data);
        free(blob);
    }
}

void *rm_blob_take(struct rm_blob *blob)
{
    void *data = blob->data;

    assert(blob->n_owners == 1);
    free(blob);
    return data;
}

struct rm_slice rm_blob_peek(const struct rm_blob *blob)
{
    return rm_slice_make(blob->data, blob->len);
}
