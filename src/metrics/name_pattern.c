#include "raftmetrics/metrics/name_pattern.h"

#include "raftmetrics/metrics/name.h"

bool rm_name_pattern_is_valid(struct rm_slice pattern)
{
    static const char PUNCTUATION[] = "_:.-/*?";

    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              memchr(PUNCTUATION, c, sizeof PUNCTUATION - 1) != NULL)) {
            return false;
        }
    }
    return pattern.len > 0 && pattern.len <= RM_METRIC_NAME_MAX;
}

/* Where the rest does not match, only the last '*' is tried with a longer run: what an earlier one
 * could take in its place, the last one can take too. */
bool rm_name_pattern_matches(struct rm_slice pattern, struct rm_slice name)
{
    size_t p = 0;
    size_t n = 0;
    size_t behind_star = 0; /* in the pattern; 0: there was none yet */
    size_t run_end = 0;     /* in the name */

    while (n < name.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            behind_star = ++p;
            run_end = n;
        } else if (p < pattern.len && (pattern.data[p] == '?' || pattern.data[p] == name.data[n])) {
            p++;
            n++;
        } else if (behind_star > 0) {
            p = behind_star;
            n = ++run_end;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.len;
}
