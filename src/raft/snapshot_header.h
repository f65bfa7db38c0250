/* The front of every snapshot, little-endian, 40 bytes:
 *
 *   magic u64 | format u32 | zero u32 | length of all that follows the header u64
 *   | time of the last entry i64, ms | checksum u64
 *
 * Behind it stand the session table and the state machine's image. The checksum is XXH3_64bits over
 * the header with its own field zero and all that follows: C-Raft checks only the metadata of a
 * snapshot and would load a flipped one silently. Every later format keeps this header. The magic
 * is not that of LZ4, which C-Raft would take for its own compression. */
#ifndef RAFTMETRICS_SRC_RAFT_SNAPSHOT_HEADER_H
#define RAFTMETRICS_SRC_RAFT_SNAPSHOT_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "raftmetrics/base/slice.h"

enum { RM__SNAPSHOT_FORMAT = 1, RM__SNAPSHOT_HEADER_BYTES = 40 };

struct rm__snapshot_header {
    int64_t time_ms;
};

/* Writes the header of the snapshot whose rest is @pieces. */
void rm__snapshot_header_encode(const struct rm__snapshot_header *header,
                                const struct rm_slice *pieces, size_t n_pieces, void *ret_bytes);

/* Errors: RM_ECORRUPT (length or checksum); RM_EPROTO (a format that this version does not know).
 */
int rm__snapshot_header_decode(struct rm_slice snapshot, struct rm__snapshot_header *ret_header);

#endif
