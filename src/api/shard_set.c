#include "shard_set.h"

#include "raftmetrics/base/error.h"

enum { SHARDS_PER_DIGIT = 4, DIGITS_PER_WORD = 64 / SHARDS_PER_DIGIT };

static const char digits[] = "0123456789abcdef";

bool rm__shard_set_is_empty(const struct rm__shard_set *set)
{
    for (size_t i = 0; i < RM__SHARD_SET_WORDS; i++) {
        if (set->words[i] != 0) {
            return false;
        }
    }
    return true;
}

void rm__shard_set_subtract(struct rm__shard_set *set, const struct rm__shard_set *other)
{
    for (size_t i = 0; i < RM__SHARD_SET_WORDS; i++) {
        set->words[i] &= ~other->words[i];
    }
}

bool rm__shard_set_covers(const struct rm__shard_set *set, const struct rm__shard_set *other)
{
    for (size_t i = 0; i < RM__SHARD_SET_WORDS; i++) {
        if ((other->words[i] & ~set->words[i]) != 0) {
            return false;
        }
    }
    return true;
}

static unsigned digit_at(const struct rm__shard_set *set, size_t i)
{
    return set->words[i / DIGITS_PER_WORD] >> (i % DIGITS_PER_WORD * SHARDS_PER_DIGIT) & 0xf;
}

void rm__shard_set_format(const struct rm__shard_set *set, char ret_text[RM__SHARD_SET_TEXT_MAX])
{
    size_t n = RM_SHARDS_MAX / SHARDS_PER_DIGIT;

    while (n > 1 && digit_at(set, n - 1) == 0) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        ret_text[i] = digits[digit_at(set, i)];
    }
    ret_text[n] = '\0';
}

int rm__shard_set_parse(struct rm_slice text, struct rm__shard_set *ret_set)
{
    struct rm__shard_set set = {0};

    if (text.len == 0 || text.len > RM_SHARDS_MAX / SHARDS_PER_DIGIT) {
        return RM_ESYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(digits, text.data[i], sizeof digits - 1);

        if (digit == NULL) {
            return RM_ESYNTAX;
        }
        set.words[i / DIGITS_PER_WORD] |= (uint64_t)(digit - digits)
                                          << (i % DIGITS_PER_WORD * SHARDS_PER_DIGIT);
    }
    *ret_set = set;
    return 0;
}
