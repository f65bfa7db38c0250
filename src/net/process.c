#include "raftmetrics/net/process.h"

#include <stdlib.h>
#include <uv.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/net/loop.h"

struct rm_process {
    uv_process_t uv;
    rm_process_exit_cb cb;
    void *data;
    bool has_exited;
};

static void on_exit_of_child(uv_process_t *uv, int64_t exit_status, int signum)
{
    struct rm_process *process = uv->data;

    process->has_exited = true;
    process->cb(process, signum != 0 ? -1 : (int)exit_status, signum, process->data);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

int rm_process_start(struct rm_loop *loop, const char *const *args, rm_process_exit_cb cb,
                     void *data, struct rm_process **ret_process)
{
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 1},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of_child,
        .file = args[0],
        .args = (char **)(uintptr_t)args, /* libuv only reads them */
        .flags = UV_PROCESS_DETACHED,     /* a process group of its own */
        .stdio_count = 3,
        .stdio = stdio,
    };
    struct rm_process *process = calloc(1, sizeof *process);

    if (process == NULL) {
        return RM_ENOMEM;
    }
    process->cb = cb;
    process->data = data;
    process->uv.data = process;
    if (uv_spawn(rm_loop_uv(loop), &process->uv, &options) != 0) {
        /* The handle is initialised even where the spawn failed, and must be closed. */
        uv_close((uv_handle_t *)&process->uv, on_closed);
        return RM_EIO;
    }
    *ret_process = process;
    return 0;
}

int64_t rm_process_pid(const struct rm_process *process)
{
    return process->uv.pid;
}

void rm_process_kill(struct rm_process *process, int signum)
{
    if (!process->has_exited) {
        uv_process_kill(&process->uv, signum);
    }
}

void rm_process_free(struct rm_process *process)
{
    if (process != NULL) {
        uv_close((uv_handle_t *)&process->uv, on_closed);
    }
}
