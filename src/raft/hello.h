/* What the two ends of a peer connection say before Raft does. Little-endian, of fixed length:
 *
 *   HELLO, 68 bytes     0 "RMPEER" | 6 version u8 | 7 zero u8 | 8 cluster u64 | 16 shard u32
 *                       | 20 sender's worker u32 | 24 its incarnation u32
 *                       | 28 receiver's worker u32 | 32 its incarnation u32 | 36 nonce A
 *   CHALLENGE, 64 bytes 0 nonce B | 32 HMAC-SHA256(secret, "listener" | HELLO | B)
 *   PROOF, 32 bytes     HMAC-SHA256(secret, "dialler" | HELLO | B)
 *   WELCOME, 1 byte     "+"
 *
 * The label in front makes one side's proof worthless as the other's; HELLO in the middle binds it
 * to one cluster, shard and pair of replicas; a nonce of each side makes it worthless later. */
#ifndef RAFTMETRICS_SRC_RAFT_HELLO_H
#define RAFTMETRICS_SRC_RAFT_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "raftmetrics/raft/replica_id.h"

enum {
    RM__HELLO_VERSION = 1,
    RM__HELLO_PREAMBLE_BYTES = 8, /* what tells a peer's version from another's, and from noise */
    RM__HELLO_BYTES = 68,
    RM__NONCE_BYTES = 32,
    RM__PROOF_BYTES = 32,
    RM__CHALLENGE_BYTES = RM__NONCE_BYTES + RM__PROOF_BYTES,
    RM__WELCOME = '+',
};

enum rm__hello_side { RM__SIDE_LISTENER, RM__SIDE_DIALLER };

struct rm__hello {
    uint64_t cluster;
    uint32_t shard;
    struct rm_replica_id sender;
    struct rm_replica_id receiver; /* whom the sender believes to speak to */
    uint8_t nonce[RM__NONCE_BYTES];
};

void rm__hello_encode(const struct rm__hello *hello, uint8_t ret_bytes[RM__HELLO_BYTES]);

/* Looks at the preamble alone. Errors: RM_ESYNTAX (no HELLO); RM_EPROTO (of another version). */
int rm__hello_check_preamble(const uint8_t bytes[RM__HELLO_PREAMBLE_BYTES]);

/* Errors: as rm__hello_check_preamble. */
int rm__hello_decode(const uint8_t bytes[RM__HELLO_BYTES], struct rm__hello *ret_hello);

/* The proof of @side that it knows @secret. Errors: RM_ENOMEM. */
int rm__hello_prove(const char *secret, enum rm__hello_side side,
                    const uint8_t hello[RM__HELLO_BYTES], const uint8_t nonce_b[RM__NONCE_BYTES],
                    uint8_t ret_proof[RM__PROOF_BYTES]);

/* In a time that does not depend on where they differ. */
bool rm__proof_is_equal(const uint8_t a[RM__PROOF_BYTES], const uint8_t b[RM__PROOF_BYTES]);

#endif
