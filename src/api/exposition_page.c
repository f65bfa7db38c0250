#include "exposition_page.h"

#include <string.h>

#include "raftmetrics/base/error.h"

enum {
    VERSION = 2,
    WORD_BYTES = 4,
    HEADER_WORDS = 7,
    PIECE_WORDS = 4,
};

/* ---- words ---- */

static uint32_t get_word(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;

    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void put_word(char *bytes, uint32_t word)
{
    for (int i = 0; i < WORD_BYTES; i++) {
        bytes[i] = (char)(word >> 8 * i & 0xff);
    }
}

static int append_words(struct rm_buffer *buffer, const uint32_t *words, size_t n)
{
    int rv = rm_buffer_reserve(buffer, n * WORD_BYTES);

    for (size_t i = 0; rv == 0 && i < n; i++) {
        put_word(buffer->data + buffer->len, words[i]);
        buffer->len += WORD_BYTES;
    }
    return rv;
}

/* Cuts @len bytes off the front; false where there are fewer. */
static bool take(struct rm_slice *bytes, size_t len, struct rm_slice *ret_taken)
{
    if (bytes->len < len) {
        return false;
    }
    *ret_taken = rm_slice_make(bytes->data, len);
    *bytes = rm_slice_make(bytes->data + len, bytes->len - len);
    return true;
}

static bool take_words(struct rm_slice *bytes, uint32_t *ret_words, size_t n)
{
    struct rm_slice taken;

    if (!take(bytes, n * WORD_BYTES, &taken)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        ret_words[i] = get_word(taken.data + i * WORD_BYTES);
    }
    return true;
}

/* ---- pieces ---- */

int rm__exposition_piece_begin(struct rm_buffer *pieces, struct rm_slice metric,
                               enum rm__exposed_family family, bool begins, size_t *ret_mark)
{
    const uint32_t words[PIECE_WORDS] = {(uint32_t)family, begins, (uint32_t)metric.len, 0};
    size_t mark = pieces->len;
    int rv = rm_buffer_reserve(pieces, sizeof words + metric.len);

    if (rv != 0) {
        return rv;
    }
    (void)append_words(pieces, words, PIECE_WORDS);
    (void)rm_buffer_append_slice(pieces, metric);
    *ret_mark = mark;
    return 0;
}

void rm__exposition_piece_end(struct rm_buffer *pieces, size_t mark)
{
    char *words = pieces->data + mark;
    size_t head_len = PIECE_WORDS * WORD_BYTES + get_word(words + 2 * WORD_BYTES);

    put_word(words + 3 * WORD_BYTES, (uint32_t)(pieces->len - mark - head_len));
}

static bool take_piece(struct rm_slice *pieces, struct rm__exposition_piece *ret_piece)
{
    uint32_t words[PIECE_WORDS];

    if (!take_words(pieces, words, PIECE_WORDS) || words[0] >= RM__EXPOSED_FAMILIES ||
        words[1] > 1 || words[2] == 0 || words[2] > RM_METRIC_NAME_MAX) {
        return false;
    }
    ret_piece->family = (enum rm__exposed_family)words[0];
    ret_piece->begins = words[1] == 1;
    return take(pieces, words[2], &ret_piece->metric) && take(pieces, words[3], &ret_piece->text);
}

/* They were looked at when the page was read. */
bool rm__exposition_piece_next(struct rm_slice *pieces, struct rm__exposition_piece *ret_piece)
{
    return pieces->len > 0 && take_piece(pieces, ret_piece);
}

/* ---- pages ---- */

static int append_shards(struct rm_buffer *buffer, const struct rm__shard_set *shards,
                         uint32_t n_shards)
{
    int rv = 0;

    for (uint32_t i = 0; rv == 0 && i < n_shards; i += 8) {
        char byte = 0;

        for (uint32_t k = 0; k < 8 && i + k < n_shards; k++) {
            byte = (char)(byte | rm__shard_set_has(shards, i + k) << k);
        }
        rv = rm_buffer_append_byte(buffer, byte);
    }
    return rv;
}

int rm__exposition_page_write(const struct rm__exposition_page *page, uint32_t n_shards,
                              struct rm_buffer *buffer)
{
    const struct rm__exposition_cursor *next = &page->next;
    const uint32_t words[HEADER_WORDS] = {
        VERSION,         page->is_last,          n_shards,
        next->family,    (uint32_t)next->series, (uint32_t)(next->series >> 32),
        next->metric_len};
    int rv = append_words(buffer, words, HEADER_WORDS);

    if (rv == 0) {
        rv = rm_buffer_append(buffer, next->metric, next->metric_len);
    }
    if (rv == 0) {
        rv = append_shards(buffer, &page->shards, n_shards);
    }
    return rv == 0 ? rm_buffer_append_slice(buffer, page->pieces) : rv;
}

static bool take_shards(struct rm_slice *bytes, uint32_t n_shards, struct rm__shard_set *ret_shards)
{
    struct rm_slice bits;

    if (n_shards > RM_SHARDS_MAX || !take(bytes, (n_shards + 7) / 8, &bits)) {
        return false;
    }
    for (uint32_t i = 0; i < n_shards; i++) {
        if (((unsigned char)bits.data[i / 8] >> i % 8 & 1) != 0) {
            rm__shard_set_add(ret_shards, i);
        }
    }
    return true;
}

static bool has_sound_pieces(struct rm_slice pieces)
{
    struct rm__exposition_piece piece;

    while (pieces.len > 0) {
        if (!take_piece(&pieces, &piece)) {
            return false;
        }
    }
    return true;
}

int rm__exposition_page_read(struct rm_slice bytes, struct rm__exposition_page *ret_page)
{
    struct rm__exposition_page page = {0};
    uint32_t words[HEADER_WORDS];
    struct rm_slice metric;

    if (!take_words(&bytes, words, HEADER_WORDS) || words[0] != VERSION || words[1] > 1 ||
        words[6] > RM_METRIC_NAME_MAX || !take(&bytes, words[6], &metric) ||
        !take_shards(&bytes, words[2], &page.shards) || !has_sound_pieces(bytes)) {
        return RM_EPROTO;
    }
    page.is_last = words[1] == 1;
    page.next.family = words[3];
    page.next.series = words[4] | (uint64_t)words[5] << 32;
    page.next.metric_len = words[6];
    memcpy(page.next.metric, metric.data, metric.len);
    page.pieces = bytes;
    *ret_page = page;
    return 0;
}
