#include "raftmetrics/raft/rebuild.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "io_guard.h"
#include "peer_transport.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/raft/watermarks.h"
#include "replica_internal.h"
#include "vote_file.h"

enum {
    /* C-Raft has an only voter lead in the term that it finds, without a new one, and others may
     * have elected each other in that. Nobody gets this far by elections. What is added tells
     * rebuilds of the same shard apart: of two, by mistake, the one with the higher term stays. */
    TERM_LEAP = 1000,
    TERM_SPREAD = 1000,
};

/* A replica's files, opened by C-Raft behind our guard, with nobody to talk to. */
struct opened {
    uv_loop_t loop;
    struct raft_uv_transport transport;
    struct raft_io uv_io;
    struct rm__io_guard guard;
    struct raft raft;
    struct raft_fsm fsm; /* nothing is applied, nothing is called */
    bool is_closed;
};

/* ---- a transport that leads nowhere ---- */

static int nowhere_init(struct raft_uv_transport *transport, raft_id id, const char *address)
{
    (void)transport;
    (void)id;
    (void)address;
    return 0;
}

static int nowhere_listen(struct raft_uv_transport *transport, raft_uv_accept_cb cb)
{
    (void)transport;
    (void)cb;
    return 0;
}

static int nowhere_connect(struct raft_uv_transport *transport, struct raft_uv_connect *request,
                           raft_id id, const char *address, raft_uv_connect_cb cb)
{
    (void)transport;
    (void)request;
    (void)id;
    (void)address;
    (void)cb;
    return RAFT_NOCONNECTION;
}

static void nowhere_close(struct raft_uv_transport *transport, raft_uv_transport_close_cb cb)
{
    cb(transport);
}

/* ---- opening and closing ---- */

/* Loading and recovering end with an error code instead. */
_Noreturn static void never_fatal(void *data, const char *sentence)
{
    (void)data;
    fprintf(stderr, "raftmetrics: %s\n", sentence);
    abort();
}

/* Returns @rv, for the reason @text. */
static int because(int rv, const char *text, char ret_reason[RM_REBUILD_REASON_MAX])
{
    snprintf(ret_reason, RM_REBUILD_REASON_MAX, "%s", text);
    return rv;
}

static int translate(int rv)
{
    switch (rv) {
    case 0:
        return 0;
    case RAFT_NOMEM:
        return RM_ENOMEM;
    case RAFT_NOSPACE:
        return RM_ENOSPACE;
    case RAFT_MALFORMED:
        return RM_EPROTO;
    case RAFT_IOERR:
        return RM_EIO;
    case RAFT_CORRUPT:
        return RM_ECORRUPT;
    default:
        return RM_EIO;
    }
}

static int open_io(struct opened *opened, const char *dir, struct rm_watermark mark)
{
    opened->transport = (struct raft_uv_transport){.version = 1,
                                                   .init = nowhere_init,
                                                   .listen = nowhere_listen,
                                                   .connect = nowhere_connect,
                                                   .close = nowhere_close};
    if (raft_uv_init(&opened->uv_io, &opened->loop, dir, &opened->transport) != 0) {
        return RM_EIO;
    }
    raft_uv_set_tracer(&opened->uv_io, NULL);
    raft_uv_set_auto_recovery(&opened->uv_io, false); /* it drops entries */
    opened->guard.dir = dir;
    opened->guard.mark = mark;
    opened->guard.fatal = never_fatal;
    if (rm__io_guard_init(&opened->guard, &opened->uv_io, &opened->loop) != 0) {
        raft_uv_close(&opened->uv_io);
        return RM_ENOMEM;
    }
    return 0;
}

static void close_io(struct opened *opened)
{
    rm__io_guard_done(&opened->guard);
    raft_uv_close(&opened->uv_io);
    uv_run(&opened->loop, UV_RUN_DEFAULT);
    uv_loop_close(&opened->loop);
}

static int open_files(struct opened *opened, const char *dir, struct rm_replica_id self,
                      struct rm_watermark mark, char ret_reason[RM_REBUILD_REASON_MAX])
{
    char address[RM__RAFT_ADDRESS_MAX];
    int rv;

    *opened = (struct opened){.fsm = {.version = 1}};
    if (uv_loop_init(&opened->loop) != 0) {
        return because(RM_ENOMEM, "out of memory", ret_reason);
    }
    rv = open_io(opened, dir, mark);
    if (rv != 0) {
        uv_loop_close(&opened->loop);
        return because(rv, "its directory cannot be used", ret_reason);
    }
    rm__raft_address(self, address);
    rv = raft_init(&opened->raft, &opened->guard.io, &opened->fsm, rm__raft_id(self), address);
    if (rv != 0) {
        rv = because(translate(rv),
                     rv == RAFT_CORRUPT || rv == RAFT_MALFORMED ? "its metadata files are damaged"
                                                                : raft_errmsg(&opened->raft),
                     ret_reason);
        close_io(opened);
        return rv;
    }
    opened->raft.tracer = NULL;
    return 0;
}

static void on_closed(struct raft *raft)
{
    RM_LIST_ENTRY(raft, struct opened, raft)->is_closed = true;
}

static void close_files(struct opened *opened)
{
    raft_close(&opened->raft, on_closed);
    while (!opened->is_closed) {
        uv_run(&opened->loop, UV_RUN_ONCE);
    }
    close_io(opened);
}

/* ---- surveying ---- */

static int load(struct opened *opened, struct rm_replica_extent *ret_extent,
                char ret_reason[RM_REBUILD_REASON_MAX])
{
    struct raft_io *io = &opened->guard.io;
    struct rm__loaded loaded = {0};
    raft_term term;
    raft_id voted_for;
    int rv = io->load(io, &term, &voted_for, &loaded.snapshot, &loaded.start_index, &loaded.entries,
                      &loaded.n_entries);

    if (rv != 0) {
        return because(translate(rv), rm__io_guard_reason(&opened->guard), ret_reason);
    }
    *ret_extent = (struct rm_replica_extent){
        .term = term,
        .last_index = loaded.start_index + loaded.n_entries - 1,
        .n_entries = loaded.n_entries,
    };
    if (loaded.snapshot != NULL) {
        ret_extent->snapshot_index = loaded.snapshot->index;
        ret_extent->last_term = loaded.snapshot->term;
    }
    if (loaded.n_entries > 0) {
        ret_extent->last_term = loaded.entries[loaded.n_entries - 1].term;
    }
    rm__loaded_free(&loaded);
    return ret_extent->last_index > 0 ? 0 : because(RM_ENOTFOUND, "its files are gone", ret_reason);
}

/* A rebuild that was interrupted may have left the mark of the replica to be. */
static int find_mark(const struct rm_replica_files *files, struct rm_replica_id other,
                     struct rm_watermark *ret_mark, char ret_reason[RM_REBUILD_REASON_MAX])
{
    struct rm_watermark *marks = calloc(RM_WATERMARKS_MAX, sizeof *marks);
    char path[PATH_MAX];
    size_t n_marks = 0;
    int rv = marks == NULL ? RM_ENOMEM : 0;

    snprintf(path, sizeof path, "%s/watermarks", files->data_dir);
    rv = rv != 0 ? rv : rm_watermarks_read(path, marks, RM_WATERMARKS_MAX, &n_marks);
    *ret_mark = (struct rm_watermark){0};
    for (size_t i = 0; i < n_marks; i++) {
        if (marks[i].shard == files->shard && (marks[i].incarnation == files->self.incarnation ||
                                               marks[i].incarnation == other.incarnation)) {
            *ret_mark = marks[i];
        }
    }
    free(marks);
    if (rv == RM_ECORRUPT) {
        return because(rv,
                       "the file of watermarks is damaged: start this worker once, which sets that "
                       "aside, and stop it again",
                       ret_reason);
    }
    return rv == 0 || rv == RM_ENOTFOUND
               ? 0
               : because(rv, "the file of watermarks cannot be read", ret_reason);
}

/* C-Raft would make what it needs; here nothing is made where nothing is. */
static int find_dir(const struct rm_replica_files *files, char ret_dir[PATH_MAX],
                    char ret_reason[RM_REBUILD_REASON_MAX])
{
    int len = snprintf(ret_dir, PATH_MAX, "%s/shard-%u", files->data_dir, files->shard);
    DIR *dir = len > 0 && len < PATH_MAX ? opendir(ret_dir) : NULL;

    if (dir == NULL) {
        return because(RM_ENOTFOUND, "its files are gone", ret_reason);
    }
    closedir(dir);
    return 0;
}

static int open_and_load(struct opened *opened, const struct rm_replica_files *files,
                         struct rm_replica_id other, char ret_dir[PATH_MAX],
                         struct rm_replica_extent *ret_extent,
                         char ret_reason[RM_REBUILD_REASON_MAX])
{
    struct rm_watermark mark;
    int rv = find_dir(files, ret_dir, ret_reason);

    if (rv == 0) {
        rv = find_mark(files, other, &mark, ret_reason);
    }
    if (rv == 0) {
        rv = open_files(opened, ret_dir, files->self, mark, ret_reason);
    }
    if (rv != 0) {
        return rv;
    }
    rv = load(opened, ret_extent, ret_reason);
    if (rv != 0) {
        close_files(opened);
    }
    return rv;
}

int rm_replica_survey(const struct rm_replica_files *files, struct rm_replica_extent *ret_extent,
                      char ret_reason[RM_REBUILD_REASON_MAX])
{
    struct opened opened;
    char dir[PATH_MAX];
    int rv = open_and_load(&opened, files, files->self, dir, ret_extent, ret_reason);

    if (rv == 0) {
        close_files(&opened);
    }
    return rv;
}

/* ---- rebuilding ---- */

/* C-Raft writes the new configuration behind the last entry, in that entry's term. */
static int recover(struct opened *opened, struct rm_replica_id as)
{
    struct raft_configuration members;
    char address[RM__RAFT_ADDRESS_MAX];
    int rv;

    rm__raft_address(as, address);
    raft_configuration_init(&members);
    rv = raft_configuration_add(&members, rm__raft_id(as), address, RAFT_VOTER);
    if (rv == 0) {
        rv = raft_recover(&opened->raft, &members);
    }
    raft_configuration_close(&members);
    return translate(rv);
}

/* The only voter has what it has committed: from its first moment it may lack none of that. */
static int write_mark(const struct rm_replica_files *files, struct rm_watermark mark)
{
    struct rm_watermark *marks = calloc(RM_WATERMARKS_MAX + 1, sizeof *marks);
    char path[PATH_MAX];
    size_t n_marks = 0;
    size_t i = 0;
    int rv = marks == NULL ? RM_ENOMEM : 0;

    snprintf(path, sizeof path, "%s/watermarks", files->data_dir);
    if (rv == 0) {
        rv = rm_watermarks_read(path, marks, RM_WATERMARKS_MAX, &n_marks);
    }
    if (rv == 0 || rv == RM_ENOTFOUND) {
        while (i < n_marks && marks[i].shard != mark.shard) {
            i++;
        }
        marks[i] = mark;
        n_marks += i == n_marks;
        rv = n_marks > RM_WATERMARKS_MAX ? RM_ETOOBIG : rm_watermarks_write(path, marks, n_marks);
    }
    free(marks);
    return rv;
}

int rm_replica_rebuild(const struct rm_replica_files *files, struct rm_replica_id as,
                       struct rm_replica_extent *ret_extent, char ret_reason[RM_REBUILD_REASON_MAX])
{
    struct opened opened;
    char dir[PATH_MAX];
    int rv = open_and_load(&opened, files, as, dir, ret_extent, ret_reason);

    if (rv != 0) {
        return rv;
    }
    rv = recover(&opened, as);
    close_files(&opened);
    if (rv != 0) {
        return because(rv, "C-Raft cannot write its new configuration", ret_reason);
    }
    ret_extent->last_index++;
    ret_extent->n_entries++;
    ret_extent->term += TERM_LEAP + as.incarnation % TERM_SPREAD;
    rv = rm__vote_file_write(dir, &(struct rm__vote){.term = ret_extent->term});
    if (rv == 0) {
        rv = write_mark(files, (struct rm_watermark){.shard = files->shard,
                                                     .incarnation = as.incarnation,
                                                     .index = ret_extent->last_index,
                                                     .term = ret_extent->last_term});
    }
    return rv == 0 ? 0 : because(rv, "its vote or its watermark cannot be written", ret_reason);
}
