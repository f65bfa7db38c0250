#include "exposition_body.h"

#include "raftmetrics/base/error.h"

int rm__exposition_body_init(struct rm__exposition_body *body, struct rm__exposition_merge *merge,
                             bool is_gzip)
{
    *body = (struct rm__exposition_body){0};
    rm__exposition_text_init(&body->text, merge);
    if (is_gzip) {
        body->gzip = rm_gzip_new();
    }
    return is_gzip && body->gzip == NULL ? RM_ENOMEM : 0;
}

void rm__exposition_body_done(struct rm__exposition_body *body)
{
    rm_gzip_free(body->gzip);
    body->gzip = NULL;
}

enum { PORTIONS_MAX = 8 };

static int read_plain(struct rm__exposition_body *body)
{
    size_t n = 0;
    int rv = rm__exposition_text_read(&body->text, body->bytes, sizeof body->bytes, &n);

    body->plain = rm_slice_make(body->bytes, n);
    if (rv == RM_ENOTFOUND) {
        body->is_plain_done = true;
        return 0;
    }
    return rv;
}

/* Compresses little at a time, however much room there is: others wait for the loop. */
static int read_gzip(struct rm__exposition_body *body, char *bytes, size_t size, size_t *ret_n)
{
    int rv = body->has_ended ? RM_ENOTFOUND : 0;
    size_t n_portions = 0;

    *ret_n = 0;
    while (rv == 0 && *ret_n < size && !body->has_ended &&
           (*ret_n == 0 || n_portions < PORTIONS_MAX)) {
        size_t n;

        if (body->plain.len == 0 && !body->is_plain_done) {
            rv = read_plain(body);
            n_portions++;
        }
        if (rv == 0) {
            body->has_ended = rm_gzip_write(body->gzip, &body->plain, body->is_plain_done,
                                            bytes + *ret_n, size - *ret_n, &n);
            *ret_n += n;
        }
    }
    return *ret_n > 0 ? 0 : rv;
}

int rm__exposition_body_read(struct rm__exposition_body *body, char *bytes, size_t size,
                             size_t *ret_n)
{
    return body->gzip == NULL ? rm__exposition_text_read(&body->text, bytes, size, ret_n)
                              : read_gzip(body, bytes, size, ret_n);
}
