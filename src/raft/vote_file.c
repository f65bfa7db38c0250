#include "vote_file.h"

#include <limits.h>
#include <stdio.h>

#include <xxhash.h>

#include "little_endian.h"
#include "raftmetrics/base/durable_file.h"
#include "raftmetrics/base/error.h"

#define MAGIC UINT64_C(0x3145544f564d52) /* "RMVOTE1" */

enum {
    MAGIC_AT = 0,
    TERM_AT = 8,
    VOTE_AT = 16,
    CHECKSUM_AT = 24,
    FILE_BYTES = 32,
};

/* Errors: RM_EIO, where the path is too long. */
static int path_in(const char *dir, char ret_path[PATH_MAX])
{
    return snprintf(ret_path, PATH_MAX, "%s/vote", dir) < PATH_MAX ? 0 : RM_EIO;
}

int rm__vote_file_write(const char *dir, const struct rm__vote *vote)
{
    char path[PATH_MAX];
    char bytes[FILE_BYTES];
    int rv = path_in(dir, path);

    if (rv != 0) {
        return rv;
    }
    rm__put_u64(bytes + MAGIC_AT, MAGIC);
    rm__put_u64(bytes + TERM_AT, vote->term);
    rm__put_u64(bytes + VOTE_AT, vote->vote);
    rm__put_u64(bytes + CHECKSUM_AT, XXH3_64bits(bytes, CHECKSUM_AT));
    return rm_durable_file_write(path, bytes, sizeof bytes);
}

int rm__vote_file_read(const char *dir, struct rm__vote *ret_vote)
{
    char path[PATH_MAX];
    char bytes[FILE_BYTES];
    size_t len;
    int rv = path_in(dir, path);

    if (rv == 0) {
        rv = rm_durable_file_read(path, bytes, sizeof bytes, &len);
    }
    if (rv != 0) {
        return rv == RM_ETOOBIG ? RM_ECORRUPT : rv;
    }
    if (len != sizeof bytes || rm__get_u64(bytes + MAGIC_AT) != MAGIC ||
        rm__get_u64(bytes + CHECKSUM_AT) != XXH3_64bits(bytes, CHECKSUM_AT)) {
        return RM_ECORRUPT;
    }
    ret_vote->term = rm__get_u64(bytes + TERM_AT);
    ret_vote->vote = rm__get_u64(bytes + VOTE_AT);
    return 0;
}
