/* How the shards of a cluster begin, without anybody to decide it.
 *
 * Each shard's replicas must begin with one and the same configuration, all of them or as good as
 * new: a worker that lost its disk and begins its replicas anew would vote with an empty log, and
 * what a majority once acknowledged could be outvoted. A directory that looks empty proves nothing.
 * So a worker whose cluster.json says that nothing has begun here asks every other worker of the
 * configuration whether it was ever met, and waits until it knows:
 *
 *   one says that it met us    we have had data and lost them: every replica joins anew, under an
 *                              id that was never counted on
 *   all answered, none met us  nobody ever counted on us: our replicas may begin
 *   otherwise                  ask again
 *
 * Why that is safe. A worker's peer port is closed until it has formed, and each side of a
 * handshake makes durable that it met the other before the handshake completes. So "A met B"
 * implies that B had formed; and nothing that B stored was ever counted by another worker that had
 * not met B. If all others are asked, those that counted on B are among them. A worker that lost
 * its own list together with its data takes it over from those that met it, so two losses, one
 * after the other, do not make strangers of old acquaintances. What remains is that all who met B
 * lost their disks before B asked: then whatever B acknowledged with them is gone anyway. */
#ifndef RAFTMETRICS_SRC_API_WORKER_FORMATION_H
#define RAFTMETRICS_SRC_API_WORKER_FORMATION_H

#include <stdbool.h>
#include <stddef.h>

/* What another worker of the configuration has said. */
struct rm__formation_word {
    bool has_answered;
    bool has_met_us;
};

enum rm__formation {
    RM__FORMATION_WAIT,
    RM__FORMATION_BEGIN,
    RM__FORMATION_REJOIN,
};

enum rm__formation rm__formation_decide(const struct rm__formation_word *words, size_t n_words);

#endif
