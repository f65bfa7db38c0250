#include "exposition_text.h"

#include "raftmetrics/base/error.h"

void rm__exposition_text_init(struct rm__exposition_text *text, struct rm__exposition_merge *merge)
{
    *text = (struct rm__exposition_text){.merge = merge};
}

/* What comes behind the rest, which is empty. */
static int get_more(struct rm__exposition_text *text)
{
    int rv;

    if (text->is_ending) {
        return RM_ENOTFOUND;
    }
    rv = rm__merge_next(text->merge, &text->rest);
    if (rv == RM_ENOTFOUND) {
        text->is_ending = true;
        text->rest = rm_exposition_end_text(text->merge->style);
        return text->rest.len > 0 ? 0 : RM_ENOTFOUND;
    }
    return rv;
}

int rm__exposition_text_read(struct rm__exposition_text *text, char *bytes, size_t size,
                             size_t *ret_n)
{
    size_t n = 0;
    int rv = 0;

    while (rv == 0 && n < size) {
        size_t len = text->rest.len < size - n ? text->rest.len : size - n;

        if (len == 0) {
            rv = get_more(text);
            continue;
        }
        memcpy(bytes + n, text->rest.data, len);
        text->rest = rm_slice_make(text->rest.data + len, text->rest.len - len);
        n += len;
    }
    *ret_n = n;
    return n > 0 ? 0 : rv;
}
