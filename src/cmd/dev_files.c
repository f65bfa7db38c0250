#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "directory.h"
#include "file_lock.h"
#include "pidfile.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/random.h"
#include "text_file.h"

enum {
    SECRET_LEN = 48,
    SECRET_MIN = 8,
    CONFIG_MAX_BYTES = 1 << 20,
    DIRECTORY_MODE = 0755,
    POLL_MS = 10,
    PORT_LOWEST = 2000, /* that a peer port may be */
    /* A quarter of the daemons' default: a developer's full disk should not be a riddle. */
    MIN_FREE_DISK_BYTES = 64 << 20,
};

static int out_of_memory(struct rm_complaint *complaint)
{
    return rm_complain(complaint, RM_ENOMEM, "out of memory");
}

/* The files must work from wherever a node is started by hand. */
static int make_absolute(struct rm_dev_plan *plan, struct rm_complaint *complaint)
{
    const char *given = plan->given_directory;
    char *here = given[0] == '/' ? strdup("") : getcwd(NULL, 0);
    int len;

    while (given[0] == '.' && given[1] == '/') {
        given += 2;
    }
    if (here == NULL) {
        return rm_complain(complaint, RM_EIO, "cannot tell the current directory");
    }
    len = asprintf(&plan->directory, "%s%s%s", here, here[0] == '\0' ? "" : "/", given);
    free(here);
    if (len < 0) {
        plan->directory = NULL;
        return out_of_memory(complaint);
    }
    while (len > 1 && plan->directory[len - 1] == '/') {
        plan->directory[--len] = '\0';
    }
    return 0;
}

static int hold_directory(struct rm_dev_plan *plan, struct rm_complaint *complaint)
{
    struct rm_complaint reason;
    int error = rm_directory_make(plan->directory, DIRECTORY_MODE, complaint);

    if (error == 0) {
        error = rm_directory_lock(plan->directory, &plan->lock_fd, &reason);
        if (error == RM_EBUSY) {
            rm_complain(complaint, error, "another raftmetrics dev runs in %s",
                        plan->given_directory);
        } else {
            *complaint = reason;
        }
    }
    return error;
}

static int find_executable(struct rm_dev_plan *plan, struct rm_complaint *complaint)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

    if (len <= 0) {
        return rm_complain(complaint, RM_EIO, "cannot read /proc/self/exe: %s", strerror(errno));
    }
    path[len] = '\0';
    plan->executable = strdup(path);
    return plan->executable == NULL ? out_of_memory(complaint) : 0;
}

static int add_node(struct rm_dev_plan *plan, unsigned id, struct rm_complaint *complaint)
{
    struct rm_dev_node *node = &plan->nodes[plan->n_nodes++];

    node->daemon = id == 0 ? RM_DAEMON_CONTROL : RM_DAEMON_WORKER;
    node->id = id;
    node->port = (uint16_t)(plan->port + id);
    snprintf(node->name, sizeof node->name, id == 0 ? "control" : "worker-%u", id);
    if (asprintf(&node->config_path, "%s/%s.json", plan->directory, node->name) < 0) {
        node->config_path = NULL;
        return out_of_memory(complaint);
    }
    if (asprintf(&node->pid_path, "%s/%s.pid", plan->directory, node->name) < 0) {
        node->pid_path = NULL;
        return out_of_memory(complaint);
    }
    return 0;
}

/* The process that holds @pid_path and is not just dying; 0: none. */
static int64_t lasting_holder(const char *pid_path)
{
    static const struct timespec pause = {0, POLL_MS * 1000000L};
    int64_t pid = rm_pidfile_holder(pid_path);

    for (int waited_ms = 0; pid != 0 && waited_ms < RM_DYING_MS; waited_ms += POLL_MS) {
        nanosleep(&pause, NULL);
        pid = rm_pidfile_holder(pid_path);
    }
    return pid;
}

static int check_not_running(const struct rm_dev_plan *plan, const struct rm_dev_node *node,
                             struct rm_complaint *complaint)
{
    int64_t pid = lasting_holder(node->pid_path);

    if (pid == 0) {
        return 0;
    }
    return rm_complain(complaint, RM_EBUSY,
                       "%s of an earlier run in %s lives as process %" PRId64 "; stop it: kill "
                       "%" PRId64,
                       node->name, plan->given_directory, pid, pid);
}

/* Errors: RM_EBUSY: in use; RM_EIO; with a sentence. */
static int check_port(uint16_t port, struct rm_complaint *complaint)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    int error = 0;

    if (fd < 0) {
        return rm_complain(complaint, RM_EIO, "cannot make a socket: %s", strerror(errno));
    }
    /* As the daemons bind: what only waits for its connections to fade is not in use. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        error =
            errno == EADDRINUSE
                ? rm_complain(complaint, RM_EBUSY, "port %u is in use; --port chooses others", port)
                : rm_complain(complaint, RM_EIO, "cannot bind port %u: %s", port, strerror(errno));
    }
    close(fd);
    return error;
}

static_assert((int)RM_DEV_NODES_MAX <= (int)RM_PEER_PORT_DISTANCE, "see choose_peer_port");

/* The usual one where that is free, else one of the same last two digits, past the largest from
 * the smallest on. By those digits no two nodes come to the same port. */
static int choose_peer_port(struct rm_dev_node *node, struct rm_complaint *complaint)
{
    unsigned lowest = PORT_LOWEST + node->port % RM_PEER_PORT_DISTANCE;
    unsigned port = node->port;

    for (unsigned n = 0; n < UINT16_MAX / RM_PEER_PORT_DISTANCE; n++) {
        port += RM_PEER_PORT_DISTANCE;
        port = port > UINT16_MAX ? lowest : port;
        if (port != node->port && check_port((uint16_t)port, complaint) == 0) {
            node->peer_port = (uint16_t)port;
            return 0;
        }
    }
    return rm_complain(complaint, RM_EBUSY, "no port is free on which %s could speak to the others",
                       node->name);
}

/* The secret of the last run, so that a node that was started by hand stays a member; else a new
 * one. */
static void find_secret(const struct rm_dev_plan *plan, char ret_secret[SECRET_LEN + 1])
{
    struct rm_complaint ignored;
    const char *secret = NULL;
    json_t *root = NULL;
    char *text;

    if (rm_text_file_read(plan->nodes[0].config_path, CONFIG_MAX_BYTES, &text, &ignored) == 0) {
        root = json_loads(text, 0, NULL);
        free(text);
        secret = json_string_value(json_object_get(root, "cluster_secret"));
    }
    if (secret != NULL && strlen(secret) >= SECRET_MIN && strlen(secret) <= SECRET_LEN) {
        snprintf(ret_secret, SECRET_LEN + 1, "%s", secret);
    } else {
        rm_random_hex(ret_secret, SECRET_LEN / 2);
    }
    json_decref(root);
}

static json_t *worker_hosts(const struct rm_dev_plan *plan)
{
    json_t *hosts = json_array();

    for (unsigned i = 1; i < plan->n_nodes; i++) {
        unsigned port = plan->nodes[i].port;
        unsigned peer_port = plan->nodes[i].peer_port;

        json_array_append_new(hosts, peer_port == port + RM_PEER_PORT_DISTANCE
                                         ? json_sprintf("127.0.0.1:%u", port)
                                         : json_sprintf("127.0.0.1:%u/%u", port, peer_port));
    }
    return hosts;
}

static json_t *node_config(const struct rm_dev_plan *plan, const struct rm_dev_node *node,
                           const char *secret)
{
    json_t *root = json_object();

    if (node->daemon == RM_DAEMON_WORKER) {
        json_object_set_new(root, "node_id", json_integer(node->id));
        json_object_set_new(root, "data_dir", json_sprintf("%s/%s", plan->directory, node->name));
        json_object_set_new(root, "min_free_disk_bytes", json_integer(MIN_FREE_DISK_BYTES));
    }
    json_object_set_new(root, "listen", json_string("127.0.0.1"));
    json_object_set_new(root, "port", json_integer(node->port));
    json_object_set_new(root, "auth_token", json_string(plan->token));
    json_object_set_new(root, "cluster_secret", json_string(secret));
    json_object_set_new(root, "worker_hosts", worker_hosts(plan));
    json_object_set_new(root, "pid_file", json_string(node->pid_path));
    json_object_set_new(root, "log_level", json_string(plan->log_level));
    return root;
}

static int write_config(const struct rm_dev_plan *plan, const struct rm_dev_node *node,
                        const char *secret, struct rm_complaint *complaint)
{
    json_t *root = node_config(plan, node, secret);
    char *text = json_dumps(root, JSON_INDENT(2));
    int error;

    json_decref(root);
    if (text == NULL) {
        return rm_complain(complaint, RM_EIO, "%s is not UTF-8", plan->directory);
    }
    error = rm_text_file_replace(node->config_path, rm_slice_of(text), complaint);
    free(text);
    return error;
}

static int make_nodes(struct rm_dev_plan *plan, struct rm_complaint *complaint)
{
    int error = 0;

    for (unsigned id = 0; error == 0 && id <= plan->n_workers; id++) {
        error = add_node(plan, id, complaint);
    }
    for (unsigned i = 0; error == 0 && i < plan->n_nodes; i++) {
        error = check_not_running(plan, &plan->nodes[i], complaint);
    }
    for (unsigned i = 0; error == 0 && i < plan->n_nodes; i++) {
        error = check_port(plan->nodes[i].port, complaint);
    }
    for (unsigned i = 1; error == 0 && i < plan->n_nodes; i++) {
        error = choose_peer_port(&plan->nodes[i], complaint);
    }
    return error;
}

int rm_dev_prepare(struct rm_dev_plan *plan, struct rm_complaint *complaint)
{
    char secret[SECRET_LEN + 1];
    int error;

    plan->lock_fd = -1;
    error = find_executable(plan, complaint);
    if (error == 0) {
        error = make_absolute(plan, complaint);
    }
    if (error == 0) {
        error = hold_directory(plan, complaint);
    }
    if (error == 0) {
        error = make_nodes(plan, complaint);
    }
    if (error != 0) {
        return error;
    }
    find_secret(plan, secret);
    for (unsigned i = 0; error == 0 && i < plan->n_nodes; i++) {
        error = write_config(plan, &plan->nodes[i], secret, complaint);
    }
    return error;
}

void rm_dev_plan_done(struct rm_dev_plan *plan)
{
    for (unsigned i = 0; i < plan->n_nodes; i++) {
        free(plan->nodes[i].config_path);
        free(plan->nodes[i].pid_path);
    }
    free(plan->directory);
    free(plan->executable);
    if (plan->lock_fd >= 0) {
        close(plan->lock_fd);
    }
}
