#include "listing.h"

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/json_writer.h"

/* ---- written ---- */

int rm__listing_add(struct rm_buffer *page, const struct rm_metric_info *info, uint64_t worker)
{
    struct rm_json_writer json;
    int rv = rm_buffer_append_slice(page, info->name);

    if (rv == 0) {
        rv = rm_buffer_append_byte(page, ' ');
    }
    if (rv != 0) {
        return rv;
    }
    rm_json_init(&json, page);
    rm_json_object_begin(&json);
    rm_json_member_text(&json, "metric_name", info->name);
    rm_json_member_uint(&json, "series", info->n_series);
    rm_json_member_uint(&json, "count", info->n_samples);
    rm_json_member_double(&json, "last", info->last);
    rm_json_member_uint(&json, "worker", worker);
    rm_json_object_end(&json);
    rv = rm_json_finish(&json);
    return rv == 0 ? rm_buffer_append_byte(page, '\n') : rv;
}

int rm__listing_end(struct rm_buffer *page, const struct rm__shard_set *shards, bool has_more)
{
    char text[RM__SHARD_SET_TEXT_MAX];

    rm__shard_set_format(shards, text);
    return rm_buffer_printf(page, "%s %d\n", text, has_more);
}

/* ---- read ---- */

/* Cuts off the next line; where none is left, the name is empty. */
static int next_line(struct rm__listing_page *page)
{
    const char *end;
    struct rm_slice line;

    page->name = rm_slice_of("");
    if (page->lines.len == 0) {
        return 0;
    }
    end = memchr(page->lines.data, '\n', page->lines.len);
    line = rm_slice_make(page->lines.data, (size_t)(end - page->lines.data));
    page->lines = rm_slice_make(end + 1, page->lines.len - line.len - 1);
    if (!rm_slice_next(&line, ' ', &page->name) || page->name.len == 0 || line.len == 0) {
        return RM_EPROTO;
    }
    page->metric = line;
    return 0;
}

/* Cuts the last line off; all others end with '\n' then. False: it does not end so itself. */
static bool cut_end(struct rm_slice *lines, struct rm_slice *ret_end)
{
    size_t at;

    if (lines->len == 0 || lines->data[lines->len - 1] != '\n') {
        return false;
    }
    at = lines->len - 1;
    while (at > 0 && lines->data[at - 1] != '\n') {
        at--;
    }
    *ret_end = rm_slice_make(lines->data + at, lines->len - 1 - at);
    lines->len = at;
    return true;
}

int rm__listing_read(struct rm_slice bytes, struct rm__listing_page *ret_page)
{
    struct rm__listing_page page = {.lines = bytes};
    struct rm_slice more;
    struct rm_slice shards;

    if (!cut_end(&page.lines, &more) || !rm_slice_next(&more, ' ', &shards) ||
        rm__shard_set_parse(shards, &page.shards) != 0) {
        return RM_EPROTO;
    }
    page.has_more = rm_slice_is(more, "1");
    if (!page.has_more && !rm_slice_is(more, "0")) {
        return RM_EPROTO;
    }
    if (next_line(&page) != 0 || (page.has_more && page.name.len == 0)) {
        return RM_EPROTO;
    }
    *ret_page = page;
    return 0;
}

/* ---- merged ---- */

/* That with the first name; NULL where all are at their ends. */
static struct rm__listing_page *first_of(struct rm__listing_page *pages, size_t n_pages)
{
    struct rm__listing_page *first = NULL;

    for (size_t i = 0; i < n_pages; i++) {
        if (pages[i].name.len > 0 &&
            (first == NULL || rm_slice_compare(pages[i].name, first->name) < 0)) {
            first = &pages[i];
        }
    }
    return first;
}

static bool have_more(const struct rm__listing_page *pages, size_t n_pages)
{
    for (size_t i = 0; i < n_pages; i++) {
        if (pages[i].has_more || pages[i].name.len > 0) {
            return true;
        }
    }
    return false;
}

/* *@ret_last: the name of the last metric that was written; empty: none was. */
static int write_metrics(struct rm_json_writer *json, struct rm__listing_page *pages,
                         size_t n_pages, size_t limit, struct rm_slice *ret_last)
{
    *ret_last = rm_slice_of("");
    for (size_t n = 0; n < limit; n++) {
        struct rm__listing_page *page = first_of(pages, n_pages);

        if (page == NULL) {
            return 0;
        }
        if (rm_slice_compare(page->name, *ret_last) <= 0) {
            return RM_EPROTO;
        }
        rm_json_raw(json, page->metric);
        *ret_last = page->name;
        if (next_line(page) != 0 || (page->name.len == 0 && page->has_more && n + 1 < limit)) {
            return RM_EPROTO;
        }
    }
    return 0;
}

int rm__listing_merge(struct rm__listing_page *pages, size_t n_pages, size_t limit,
                      struct rm_buffer *body)
{
    struct rm_json_writer json;
    struct rm_slice last;
    int rv;

    rm_json_init(&json, body);
    rm_json_object_begin(&json);
    rm_json_key(&json, "metrics");
    rm_json_array_begin(&json);
    rv = write_metrics(&json, pages, n_pages, limit, &last);
    if (rv != 0) {
        return rv;
    }
    rm_json_array_end(&json);
    rm_json_key(&json, "next");
    if (have_more(pages, n_pages)) {
        rm_json_text(&json, last);
    } else {
        rm_json_null(&json);
    }
    rm_json_object_end(&json);
    return rm_json_finish(&json);
}
