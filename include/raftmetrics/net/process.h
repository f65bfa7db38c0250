/* Child processes on a loop. */
#ifndef RAFTMETRICS_NET_PROCESS_H
#define RAFTMETRICS_NET_PROCESS_H

#include <stdint.h>

#include "raftmetrics/net/loop.h"

struct rm_process;

/* @exit_status: as exit(3) had it, or -1 where @signum ended the process. The process object is
 * freed by its owner afterwards, as always. */
typedef void (*rm_process_exit_cb)(struct rm_process *process, int exit_status, int signum,
                                   void *data);

/* Starts @args[0] (NULL-terminated list) with this process's environment, stderr and stdout
 * inherited, stdin empty, in a session of its own, so that a terminal's Ctrl-C reaches only the
 * parent, which must stop it. Errors: RM_EIO, RM_ENOMEM; outputs untouched. */
int rm_process_start(struct rm_loop *loop, const char *const *args, rm_process_exit_cb cb,
                     void *data, struct rm_process **ret_process);

int64_t rm_process_pid(const struct rm_process *process);
void rm_process_kill(struct rm_process *process, int signum);
void rm_process_free(struct rm_process *process);

#endif
