/* The processes of a cluster of `raftmetrics dev`, on one loop:
 *
 *   STARTING --/readyz?all is 200--> RUNNING --signal--> STOPPING --all are gone--> end
 *       \--a node says why it cannot start, or a signal-----^
 *
 * A node that dies while RUNNING is reported and may be started again by hand; it is then not our
 * child, but found through its pid file when everything stops. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_table.h"
#include "dev.h"
#include "pidfile.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/cmd/options.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/net/loop.h"
#include "raftmetrics/net/process.h"
#include "shell_word.h"

enum {
    READY_POLL_MS = 50,
    READY_TIMEOUT_MS = 2000,
    READY_ANSWER_MAX = 65536,
    READY_PATIENCE_MS = 10000, /* then a line says that we still wait */
    STOP_POLL_MS = 20,
    STOP_PATIENCE_MS = 4500, /* then SIGKILL; all must be over within 5 s */
    N_SIGNALS = 3,
};

enum state { STARTING, RUNNING, STOPPING };

struct child {
    struct cluster *cluster;
    const struct rm_dev_node *node;
    struct rm_process *process; /* NULL: ended */
    int64_t told_pid;           /* process that was told to stop, ours or one started by hand */
};

struct cluster {
    const struct rm_dev_plan *plan;
    struct rm_loop *loop;
    struct rm_http_client *client;
    struct rm_timer *ready_timer;
    struct rm_timer *patience_timer;
    struct rm_timer *stop_timer;
    struct rm_signal *signals[N_SIGNALS];
    struct child children[RM_DEV_NODES_MAX];
    char ready_url[64];
    enum state state;
    uint64_t stop_began_ms;
    bool was_killed; /* SIGKILL went out */
    int exit_code;
};

/* The daemons' own variables in our environment would override the files that we write. */
static void clean_environment(void)
{
    for (size_t i = 0; i < rm_config_n_keys; i++) {
        char name[RM_CONFIG_NAME_MAX];
        char file_name[RM_CONFIG_NAME_MAX + 8];

        rm_config_environment_name(&rm_config_keys[i], name);
        snprintf(file_name, sizeof file_name, "%s_FILE", name);
        unsetenv(name);
        unsetenv(file_name);
    }
}

static void begin_stop(struct cluster *cluster)
{
    if (cluster->state != STOPPING) {
        cluster->state = STOPPING;
        cluster->stop_began_ms = rm_loop_now_ms(cluster->loop);
        rm_timer_start(cluster->stop_timer, 0, STOP_POLL_MS);
    }
}

static void on_signal(int signum, void *data)
{
    (void)signum;
    begin_stop(data);
}

static int64_t live_pid(const struct child *child)
{
    return child->process != NULL ? rm_process_pid(child->process)
                                  : rm_pidfile_holder(child->node->pid_path);
}

/* Once the time is up, all that lives is killed. */
static void send_kills(struct cluster *cluster)
{
    if (rm_loop_now_ms(cluster->loop) - cluster->stop_began_ms < STOP_PATIENCE_MS) {
        return;
    }
    for (unsigned i = 0; i < cluster->plan->n_nodes; i++) {
        const struct child *child = &cluster->children[i];
        int64_t pid = live_pid(child);

        if (pid > 0) {
            kill((pid_t)pid, SIGKILL);
        }
        if (pid > 0 && !cluster->was_killed) {
            fprintf(stderr, "raftmetrics dev: %s did not stop in time and was killed\n",
                    child->node->name);
        }
    }
    cluster->was_killed = true;
}

static void on_stop_timer(void *data)
{
    struct cluster *cluster = data;
    bool are_all_gone = true;

    for (unsigned i = 0; i < cluster->plan->n_nodes; i++) {
        struct child *child = &cluster->children[i];
        int64_t pid = live_pid(child);

        if (pid == 0) {
            continue;
        }
        are_all_gone = false;
        if (pid != child->told_pid) {
            kill((pid_t)pid, SIGTERM);
            child->told_pid = pid;
        }
    }
    if (are_all_gone) {
        rm_loop_stop(cluster->loop);
    } else {
        send_kills(cluster);
    }
}

static void print_restart_command(const struct child *child)
{
    rm_shell_word_print(stderr, child->cluster->plan->executable);
    fprintf(stderr, " %s --config ", rm_daemon_name(child->node->daemon));
    rm_shell_word_print(stderr, child->node->config_path);
    fputc('\n', stderr);
}

static void report_end(const struct child *child, int exit_status, int signum)
{
    fprintf(stderr, "raftmetrics dev: %s ", child->node->name);
    if (signum != 0) {
        fprintf(stderr, "was killed by signal %d (%s)", signum, strsignal(signum));
    } else {
        fprintf(stderr, "ended with exit code %d", exit_status);
    }
    fputs("; the others run on, this starts it again: ", stderr);
    print_restart_command(child);
}

static void on_exit_of_node(struct rm_process *process, int exit_status, int signum, void *data)
{
    struct child *child = data;
    struct cluster *cluster = child->cluster;

    rm_process_free(process);
    child->process = NULL;
    if (cluster->state == STOPPING) {
        return;
    }
    if (cluster->state == STARTING && signum == 0) {
        fprintf(stderr, "raftmetrics dev: %s could not start (exit code %d, see above)\n",
                child->node->name, exit_status);
        cluster->exit_code = RM_EXIT_FAILED;
        begin_stop(cluster);
        return;
    }
    report_end(child, exit_status, signum);
}

static void print_ready(const struct rm_dev_plan *plan)
{
    char header[512];
    char url[64];

    snprintf(header, sizeof header, "Authorization: Bearer %s", plan->token);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", plan->port);
    printf("ready %s\n\ncurl %s/metrics -H ", url, url);
    rm_shell_word_print(stdout, header);
    printf(" -d '{\"metric_name\": \"cpu_usage\", \"value\": 75.5}'\ncurl %s/metrics/cpu_usage -H ",
           url);
    rm_shell_word_print(stdout, header);
    printf("\ncurl %s/metrics/cpu_usage/aggregate -H ", url);
    rm_shell_word_print(stdout, header);
    puts("");
    fflush(stdout);
}

static void on_readiness(const struct rm_http_answer *answer, void *data)
{
    struct cluster *cluster = data;

    if (cluster->state != STARTING) {
        return;
    }
    if (answer->error != 0 || answer->status != 200) {
        rm_timer_start(cluster->ready_timer, READY_POLL_MS, 0);
        return;
    }
    cluster->state = RUNNING;
    rm_timer_stop(cluster->patience_timer);
    print_ready(cluster->plan);
}

static void on_ready_timer(void *data)
{
    struct cluster *cluster = data;
    struct rm_http_call call = {
        .method = "GET",
        .url = cluster->ready_url,
        .timeout_ms = READY_TIMEOUT_MS,
        .max_answer_bytes = READY_ANSWER_MAX,
    };

    if (cluster->state == STARTING &&
        rm_http_client_send(cluster->client, &call, on_readiness, cluster) != 0) {
        rm_timer_start(cluster->ready_timer, READY_POLL_MS, 0);
    }
}

static void on_patience_timer(void *data)
{
    struct cluster *cluster = data;

    if (cluster->state == STARTING) {
        fprintf(stderr,
                "raftmetrics dev: still waiting for every shard to be writable: curl "
                "'%s&verbose'\n",
                cluster->ready_url);
    }
}

static int start_node(struct cluster *cluster, unsigned i)
{
    struct child *child = &cluster->children[i];
    const struct rm_dev_node *node = &cluster->plan->nodes[i];
    const char *const args[] = {cluster->plan->executable, rm_daemon_name(node->daemon), "--config",
                                node->config_path, NULL};

    child->cluster = cluster;
    child->node = node;
    return rm_process_start(cluster->loop, args, on_exit_of_node, child, &child->process);
}

static int create(struct cluster *cluster)
{
    static const int signals[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

    cluster->loop = rm_loop_new();
    if (cluster->loop == NULL) {
        return RM_ENOMEM;
    }
    cluster->client = rm_http_client_new(cluster->loop);
    cluster->ready_timer = rm_timer_new(cluster->loop, on_ready_timer, cluster);
    cluster->patience_timer = rm_timer_new(cluster->loop, on_patience_timer, cluster);
    cluster->stop_timer = rm_timer_new(cluster->loop, on_stop_timer, cluster);
    if (cluster->client == NULL || cluster->ready_timer == NULL ||
        cluster->patience_timer == NULL || cluster->stop_timer == NULL) {
        return RM_ENOMEM;
    }
    for (unsigned i = 0; i < N_SIGNALS; i++) {
        cluster->signals[i] = rm_signal_new(cluster->loop, signals[i], on_signal, cluster);
        if (cluster->signals[i] == NULL) {
            return RM_ENOMEM;
        }
    }
    return 0;
}

static void destroy(struct cluster *cluster)
{
    if (cluster->loop == NULL) {
        return;
    }
    rm_http_client_free(cluster->client);
    rm_timer_free(cluster->ready_timer);
    rm_timer_free(cluster->patience_timer);
    rm_timer_free(cluster->stop_timer);
    for (unsigned i = 0; i < N_SIGNALS; i++) {
        rm_signal_free(cluster->signals[i]);
    }
    rm_loop_free(cluster->loop);
}

/* Workers first: control finds them up. */
static void start_all(struct cluster *cluster)
{
    int error = 0;

    for (unsigned i = cluster->plan->n_nodes; error == 0 && i-- > 0;) {
        error = start_node(cluster, i);
        if (error != 0) {
            fprintf(stderr, "raftmetrics dev: cannot start %s: %s\n", cluster->plan->nodes[i].name,
                    rm_strerror(error));
            cluster->exit_code = RM_EXIT_FAILED;
            begin_stop(cluster);
        }
    }
    rm_timer_start(cluster->ready_timer, READY_POLL_MS, 0);
    rm_timer_start(cluster->patience_timer, READY_PATIENCE_MS, 0);
}

/* What a killed node left behind. */
static void remove_pid_files(const struct rm_dev_plan *plan)
{
    for (unsigned i = 0; i < plan->n_nodes; i++) {
        if (rm_pidfile_holder(plan->nodes[i].pid_path) == 0) {
            unlink(plan->nodes[i].pid_path);
        }
    }
}

int rm_dev_run(const struct rm_dev_plan *plan)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    int exit_code = RM_EXIT_FAILED;

    if (cluster == NULL) {
        fputs("raftmetrics dev: out of memory\n", stderr);
        return RM_EXIT_FAILED;
    }
    cluster->plan = plan;
    snprintf(cluster->ready_url, sizeof cluster->ready_url, "http://127.0.0.1:%u/readyz?all",
             plan->port);
    clean_environment();
    if (create(cluster) != 0) {
        fputs("raftmetrics dev: out of memory\n", stderr);
    } else {
        start_all(cluster);
        rm_loop_run(cluster->loop);
        remove_pid_files(plan);
        exit_code = cluster->exit_code;
    }
    destroy(cluster);
    free(cluster);
    return exit_code;
}
