/* Each shard by itself, so that an interruption leaves every shard as it was or as it is to be, or
 * half rebuilt, which the worker refuses to start and a second run finishes:
 *
 *   rebuild   "rebuilding: I" into cluster.json ─► I becomes the only voter by the files
 *             ─► "incarnation: I" into cluster.json
 *   discard   the files are set aside ─► "begins_alone" into cluster.json; the worker's next start
 *             gives the shard its first configuration, and takes that back before it serves */
#include "raftmetrics/api/rebuild.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/raft/rebuild.h"
#include "shard_dir.h"
#include "worker_internal.h"

enum { ASKED_EVERY_MS = 50 };

struct rebuild {
    const struct rm_rebuild_options *options;
    struct rm_worker *worker; /* of which nothing runs: its map, its file, its neighbours */
    struct rm_timer *timer;
    FILE *out;
    unsigned n_refused;
    unsigned n_done; /* or, without --yes, that would be */
};

/* ---- the other workers ---- */

static void on_timer(void *data)
{
    struct rebuild *rebuild = data;

    for (size_t i = 0; i < rebuild->worker->neighbours.n; i++) {
        if (rebuild->worker->neighbours.each[i].is_asked) {
            return;
        }
    }
    rm_loop_stop(rebuild->worker->loop);
}

static void on_answered(void *data)
{
    (void)data;
}

/* Who leads a shard knows better than anybody here. */
static int ask_others(struct rebuild *rebuild)
{
    struct rm_worker *worker = rebuild->worker;
    int rv = rm__neighbours_init(&worker->neighbours, worker->loop, &worker->options.api,
                                 worker->fingerprint, worker->options.worker_id,
                                 worker->options.n_shards, on_answered, NULL);

    if (rv != 0) {
        return rv;
    }
    rebuild->timer = rm_timer_new(worker->loop, on_timer, rebuild);
    if (rebuild->timer == NULL) {
        return RM_ENOMEM;
    }
    rm__neighbours_ask(&worker->neighbours);
    rm_timer_start(rebuild->timer, 0, ASKED_EVERY_MS);
    rm_loop_run(worker->loop);
    for (size_t i = 0; i < worker->neighbours.n; i++) {
        if (!worker->neighbours.each[i].is_up) {
            fprintf(rebuild->out, "worker %" PRIu32 " does not answer at %s\n",
                    worker->neighbours.each[i].id, worker->neighbours.each[i].address);
        }
    }
    return 0;
}

/* ---- a shard ---- */

static struct rm_replica_files files_of(const struct rebuild *rebuild, uint32_t shard)
{
    const struct rm_worker *worker = rebuild->worker;

    return (struct rm_replica_files){
        .data_dir = worker->options.data_dir,
        .shard = shard,
        .self = {worker->options.worker_id, worker->file.replicas[shard].incarnation}};
}

static bool is_named(const struct rebuild *rebuild, uint32_t shard)
{
    for (size_t i = 0; i < rebuild->options->n_shards; i++) {
        if (rebuild->options->shards[i] == shard) {
            return true;
        }
    }
    return false;
}

static void refuse(struct rebuild *rebuild, const char *sentence)
{
    rebuild->n_refused++;
    fprintf(rebuild->out, "  refused: %s\n", sentence);
}

/* Why a replica whose files are sound may still lack something; NULL: nothing speaks against it. */
static const char *find_doubt(const struct rm__cluster_replica *record)
{
    if (record->is_joining) {
        return "it was still being filled by another";
    }
    return record->reason[0] != '\0' ? record->reason : NULL;
}

static void print_extent(FILE *out, const struct rm_replica_extent *extent)
{
    fprintf(out,
            "  last entry: term %" PRIu64 ", index %" PRIu64 "; entries in the log: %" PRIu64
            "; snapshot up to index %" PRIu64 "; in term %" PRIu64 "\n",
            extent->last_term, extent->last_index, extent->n_entries, extent->snapshot_index,
            extent->term);
}

/* The record of a replica that is as good as its files. On error it is as it was. */
static int save_record(struct rebuild *rebuild, uint32_t shard, struct rm__cluster_replica record)
{
    struct rm__cluster_replica former = rebuild->worker->file.replicas[shard];
    int rv;

    rebuild->worker->file.replicas[shard] = record;
    rv = rm__cluster_file_save(&rebuild->worker->file);
    if (rv != 0) {
        rebuild->worker->file.replicas[shard] = former;
        refuse(rebuild, "cluster.json cannot be written; see that the data directory can be "
                        "written, and has room");
    }
    return rv;
}

static void rebuild_shard(struct rebuild *rebuild, uint32_t shard)
{
    struct rm__cluster_replica record = rebuild->worker->file.replicas[shard];
    struct rm_replica_files files = files_of(rebuild, shard);
    struct rm_replica_extent extent;
    char reason[RM_REBUILD_REASON_MAX];

    if (record.rebuilding == 0) {
        record.rebuilding = rm__seat_new_incarnation(record.incarnation);
    }
    if (save_record(rebuild, shard, record) != 0) {
        return;
    }
    if (rm_replica_rebuild(&files, (struct rm_replica_id){files.self.worker, record.rebuilding},
                           &extent, reason) != 0) {
        refuse(rebuild, reason);
        return;
    }
    record = (struct rm__cluster_replica){.incarnation = record.rebuilding};
    if (save_record(rebuild, shard, record) == 0) {
        rebuild->n_done++;
        fprintf(rebuild->out, "  rebuilt: this replica is the shard's only voter now\n");
    }
}

static void discard_shard(struct rebuild *rebuild, uint32_t shard)
{
    struct rm__cluster_replica record = rebuild->worker->file.replicas[shard];

    if (rm__shard_dir_set_aside(rebuild->worker->options.data_dir, shard) != 0) {
        refuse(rebuild, "its directory cannot be renamed");
        return;
    }
    record = (struct rm__cluster_replica){
        .incarnation = rm__seat_new_incarnation(record.incarnation), .begins_alone = true};
    if (save_record(rebuild, shard, record) == 0) {
        rebuild->n_done++;
        fprintf(rebuild->out,
                "  discarded: the shard begins empty when this worker starts; what was left of it "
                "is in shard-%" PRIu32 ".damaged\n",
                shard);
    }
}

/* ---- what is to be done with it ---- */

static void consider_sound(struct rebuild *rebuild, uint32_t shard)
{
    const char *doubt = find_doubt(&rebuild->worker->file.replicas[shard]);

    if (doubt != NULL) {
        fprintf(rebuild->out, "  in doubt: %s\n", doubt);
        if (!is_named(rebuild, shard)) {
            refuse(rebuild, "take another worker's replica; where this one is the best there is, "
                            "say so with --shard");
            return;
        }
    }
    if (rebuild->options->acts) {
        rebuild_shard(rebuild, shard);
    } else {
        rebuild->n_done++;
        fprintf(rebuild->out, "  with --yes it becomes the shard's only voter\n");
    }
}

static void consider_unsound(struct rebuild *rebuild, uint32_t shard)
{
    if (rebuild->worker->file.replicas[shard].begins_alone) {
        fprintf(rebuild->out, "  nothing to do: the shard begins empty when this worker starts\n");
    } else if (!rebuild->options->discards) {
        refuse(rebuild, "take another worker's replica; only where none is left that is sound, "
                        "--discard --shard N lets the shard begin empty here");
    } else if (rebuild->options->acts) {
        discard_shard(rebuild, shard);
    } else {
        rebuild->n_done++;
        fprintf(rebuild->out, "  with --yes the shard begins empty, on this worker\n");
    }
}

static void consider(struct rebuild *rebuild, uint32_t shard)
{
    const struct rm__cluster_replica *record = &rebuild->worker->file.replicas[shard];
    struct rm_replica_files files = files_of(rebuild, shard);
    struct rm_replica_extent extent;
    char reason[RM_REBUILD_REASON_MAX];
    uint64_t term;
    uint32_t leader = rm__neighbours_leader(&rebuild->worker->neighbours, shard, &term);
    int rv;

    fprintf(rebuild->out, "shard %" PRIu32 "\n", shard);
    if (leader != 0) {
        fprintf(rebuild->out,
                "  left alone: worker %" PRIu32 " leads it, and fills this replica when this "
                "worker starts\n",
                leader);
        return;
    }
    rv = rm_replica_survey(&files, &extent, reason);
    if (rv != 0) {
        fprintf(rebuild->out, "  not sound: %s\n", reason);
    } else {
        print_extent(rebuild->out, &extent);
    }
    if (rv == RM_EPROTO || rv == RM_EIO || rv == RM_ENOMEM) {
        refuse(rebuild, "its files are not to blame: see to that first");
    } else if (rv != 0) {
        consider_unsound(rebuild, shard);
    } else if (rebuild->options->discards && find_doubt(record) != NULL) {
        consider_unsound(rebuild, shard);
    } else if (rebuild->options->discards) {
        fprintf(rebuild->out, "  left alone: it is sound; rebuild it without --discard\n");
    } else {
        consider_sound(rebuild, shard);
    }
}

/* ---- all of them ---- */

static int complain(struct rebuild *rebuild, const char *sentence)
{
    fprintf(rebuild->out, "%s\n", sentence);
    return RM_EINVAL;
}

/* A directory without the file is not given one here. */
static int load_file(struct rebuild *rebuild)
{
    char path[PATH_MAX];
    char sentence[RM__SENTENCE_MAX];
    int rv;

    snprintf(path, sizeof path, "%s/cluster.json", rebuild->worker->options.data_dir);
    if (access(path, F_OK) != 0) {
        return complain(rebuild, "The data directory holds no cluster.json, so no replica lives "
                                 "there: check data_dir; an emptied worker is just to be started");
    }
    rv = rm__worker_load_file(rebuild->worker, sentence);
    if (rv != 0) {
        return complain(rebuild, sentence);
    }
    return rebuild->worker->file.is_formed
               ? 0
               : complain(rebuild, "This worker's cluster has not formed, so there is nothing to "
                                   "rebuild: start it, and look at /status for whom it waits");
}

static int check_named(struct rebuild *rebuild)
{
    for (size_t i = 0; i < rebuild->options->n_shards; i++) {
        uint32_t shard = rebuild->options->shards[i];

        if (shard >= rebuild->worker->options.n_shards ||
            !rm__worker_map_has(rebuild->worker, shard, rebuild->worker->options.worker_id)) {
            fprintf(rebuild->out, "This worker holds no shard %" PRIu32 "\n", shard);
            return RM_EINVAL;
        }
    }
    return 0;
}

static void print_end(const struct rebuild *rebuild)
{
    if (rebuild->n_done == 0) {
        fputs("Nothing to do.\n", rebuild->out);
    } else if (rebuild->options->acts) {
        fputs("Start this worker now, then the others: what they have of these shards they give up "
              "by themselves (it stays in shard-N.damaged), and are filled from here.\n",
              rebuild->out);
    } else {
        fputs("Nothing was changed. Where more than one worker still has a sound replica of a "
              "shard, run this on each of them, and rebuild it only where the last entry has the "
              "highest term, and of those the highest index; what another one has beyond that is "
              "lost. Then say --yes.\n",
              rebuild->out);
    }
}

static int run(struct rebuild *rebuild)
{
    const struct rm_worker *worker = rebuild->worker;
    int rv = rm__worker_init_map(rebuild->worker);

    if (rv == 0) {
        rv = load_file(rebuild);
    }
    if (rv == 0) {
        rv = check_named(rebuild);
    }
    if (rv == 0) {
        rv = ask_others(rebuild);
    }
    for (uint32_t i = 0; rv == 0 && i < worker->options.n_shards; i++) {
        if (rm__worker_map_has(worker, i, worker->options.worker_id) &&
            (rebuild->options->n_shards == 0 || is_named(rebuild, i))) {
            consider(rebuild, i);
        }
    }
    if (rv == 0) {
        print_end(rebuild);
        rv = rebuild->n_refused > 0 ? RM_EINVAL : 0;
    }
    return rv;
}

int rm_rebuild(struct rm_loop *loop, const struct rm_rebuild_options *options, FILE *out)
{
    struct rebuild rebuild = {.options = options, .out = out};
    int rv;

    rebuild.worker = calloc(1, sizeof *rebuild.worker);
    if (rebuild.worker == NULL) {
        return RM_ENOMEM;
    }
    rebuild.worker->options = options->worker;
    rebuild.worker->loop = loop;
    rv = run(&rebuild);
    rm_timer_free(rebuild.timer);
    rm__neighbours_done(&rebuild.worker->neighbours);
    rm__cluster_file_done(&rebuild.worker->file);
    rm_shard_map_done(&rebuild.worker->map);
    free(rebuild.worker);
    return rv;
}
