/* The configuration: four sources, their order, and what stops a start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/cmd/config_table.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/log.h"
#include "raftmetrics/cmd/config.h"
#include "raftmetrics/metrics/bucket_rules.h"

/* What a test gives: a file's content (NULL: none), the environment, the flags. */
struct given {
    enum rm_daemon daemon;
    const char *file;
    char *environment[8];
    char *flags[8];
};

static char file_path[64];

/* Enough for a daemon of either kind to start. */
#define ENOUGH                                                                                     \
    "\"auth_token\":\"t1\",\"cluster_secret\":\"0123456789\","                                     \
    "\"worker_hosts\":[\"a:1\",\"b:2\"]"

static char *write_temporary(const char *content)
{
    int fd;

    strcpy(file_path, "/tmp/rm-test-config-XXXXXX");
    fd = mkstemp(file_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    return file_path;
}

static int load(const struct given *given, struct rm_config *config, struct rm_complaint *complaint)
{
    char *argv[12] = {"daemon"};
    int argc = 1;
    int error;

    complaint->text[0] = '\0';
    if (given->file != NULL) {
        argv[argc++] = "--config";
        argv[argc++] = write_temporary(given->file);
    }
    for (size_t i = 0; given->flags[i] != NULL; i++) {
        argv[argc++] = given->flags[i];
    }
    error = rm_config_load(config, given->daemon, argc, argv, given->environment, complaint);
    if (given->file != NULL) {
        unlink(file_path);
    }
    return error;
}

static const char *where(const struct rm_config *config, const char *key)
{
    return config->sources[rm_config_index(rm_config_find(key))].where;
}

/* The start must be refused with a sentence that holds each of @parts. */
static void assert_refused(const struct given *given, const char *const *parts)
{
    struct rm_config config;
    struct rm_complaint complaint;
    int error = load(given, &config, &complaint);

    if (error == 0) {
        fail_msg("accepted, expected: %s", parts[0]);
    }
    for (; *parts != NULL; parts++) {
        if (strstr(complaint.text, *parts) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", complaint.text, *parts);
        }
    }
    assert_null(strchr(complaint.text, '\n'));
}

#define ASSERT_REFUSED(given, ...) assert_refused(given, (const char *[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
    struct given control = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {NULL}, {NULL}};
    struct given worker = {RM_DAEMON_WORKER, "{" ENOUGH ",\"node_id\":2}", {NULL}, {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&control, &config, &complaint), 0);
    assert_int_equal(config.port, 8080);
    assert_string_equal(config.listen, "127.0.0.1");
    assert_int_equal(config.log_level, RM_LOG_INFO);
    assert_int_equal(config.max_batch_bytes, 4194304);
    assert_string_equal(where(&config, "port"), "default");
    assert_int_equal(config.n_tokens, 1);
    assert_string_equal(config.tokens[0].name, "default");
    assert_string_equal(config.tokens[0].secret, "t1");
    assert_int_equal(config.tokens[0].scopes, 7);
    rm_config_done(&config);

    assert_int_equal(load(&worker, &config, &complaint), 0);
    assert_int_equal(config.port, 8081);
    assert_int_equal(config.node_id, 2);
    assert_int_equal(config.n_shards, 6);
    assert_string_equal(config.data_dir, "data");
    assert_int_equal(config.replicas, 3);
    assert_int_equal(config.min_free_disk_bytes, 256 << 20);
    assert_int_equal(config.max_log_bytes, 128 << 20);
    assert_int_equal(config.max_shard_bytes, 256 << 20);
    assert_int_equal(config.max_series, 1000000);
    assert_int_equal(config.max_memory_bytes, INT64_C(2) << 30);
    rm_config_done(&config);
}

static void test_the_later_source_wins(void **state)
{
    struct given given = {RM_DAEMON_CONTROL,
                          "{" ENOUGH ",\"port\":1,\"threads\":2,\"log_level\":\"debug\","
                          "\"log_format\":\"json\"}",
                          {"PORT=2", "THREADS=3", "LOG_LEVEL=warn"},
                          {"--port=3", "--log-level", "error"}};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    assert_int_equal(config.port, 3);
    assert_string_equal(where(&config, "port"), "flag --port");
    assert_int_equal(config.threads, 3);
    assert_string_equal(where(&config, "threads"), "environment THREADS");
    assert_int_equal(config.log_format, RM_LOG_JSON);
    assert_non_null(strstr(where(&config, "log_format"), "file /tmp/rm-test-config-"));
    assert_int_equal(config.log_level, RM_LOG_ERROR);
    assert_string_equal(where(&config, "max_labels"), "default");
    rm_config_done(&config);
}

static void test_the_environment_alone_is_enough(void **state)
{
    struct given given = {RM_DAEMON_WORKER,
                          NULL,
                          {"NODE_ID=2", "AUTH_TOKEN=tok", "CLUSTER_SECRET=12345678",
                           "WORKER_HOSTS=worker-1:8081,worker-2:8082", "DATA_DIR=/d", "HOME=/x"},
                          {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    assert_int_equal(config.n_workers, 2);
    assert_int_equal(config.workers[1].id, 2);
    assert_string_equal(config.workers[1].address, "worker-2:8082");
    assert_string_equal(config.data_dir, "/d");
    rm_config_done(&config);
}

static void test_secret_files(void **state)
{
    struct given given = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {NULL}, {NULL}};
    char secret[64];
    char variable[96];
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    strcpy(secret, write_temporary("from-a-file\n"));
    snprintf(variable, sizeof variable, "AUTH_TOKEN_FILE=%s", secret);
    given.environment[0] = variable;
    assert_int_equal(load(&given, &config, &complaint), 0);
    assert_string_equal(config.auth_token, "from-a-file");
    assert_non_null(strstr(where(&config, "auth_token"), "environment AUTH_TOKEN_FILE"));
    rm_config_done(&config);

    given.environment[1] = "AUTH_TOKEN=";
    assert_int_equal(load(&given, &config, &complaint), 0);
    rm_config_done(&config);

    given.environment[1] = "AUTH_TOKEN=both";
    ASSERT_REFUSED(&given, "auth_token", "AUTH_TOKEN and AUTH_TOKEN_FILE");
    unlink(secret);
    given.environment[1] = NULL;
    ASSERT_REFUSED(&given, "auth_token", "AUTH_TOKEN_FILE", secret);
}

static void test_bad_files_are_refused(void **state)
{
    static const struct {
        const char *file;
        const char *part;
        const char *other_part;
    } cases[] = {
        {"{" ENOUGH ",\"prot\":1}", "unknown key \"prot\"", "file /tmp/rm-test-config-"},
        {"{" ENOUGH ",\"port\":1,\"port\":2}", "duplicate", "port"},
        {"{" ENOUGH ",\"port\":\"1\"}", "port: \"1\" is not an integer", "file /tmp"},
        {"{" ENOUGH ",\"port\":1.5}", "port: 1.5 is not an integer", "file /tmp"},
        {"{" ENOUGH ",\"port\":null}", "port: null is not an integer", "file /tmp"},
        {"{" ENOUGH ",\"port\":65536}", "port: \"65536\" is not", "between 0 and 65535"},
        {"{" ENOUGH ",\"port\":-1}", "port: \"-1\" is not", "file /tmp"},
        {"{" ENOUGH ",\"listen\":7}", "listen: 7 is not a text", "file /tmp"},
        {"{" ENOUGH ",\"listen\":\"example.org\"}", "listen: \"example.org\"", "file /tmp"},
        {"{" ENOUGH ",\"listen\":\"\"}", "listen: \"\"", "characters"},
        {"{" ENOUGH ",\"cluster_name\":\"a\\u0007b\"}", "cluster_name", "control character"},
        {"{" ENOUGH ",\"log_level\":\"loud\"}", "log_level: \"loud\"", "debug, info, warn, error"},
        {"{" ENOUGH ",\"n_shards\":4}", "n_shards", "a control daemon has no such key"},
        {"{" ENOUGH ",\"replicas\":2}", "replicas", "a control daemon has no such key"},
        {"{" ENOUGH ",\"forward_timeout_ms\":8000}", "forward_timeout_ms: 8000",
         "client_deadline_ms, 8000 (default)"},
        {"{" ENOUGH ",\"max_queue_bytes\":70000}", "max_queue_bytes, 70000", "max_batch_bytes"},
        {"{" ENOUGH ",\"threads\":32}", "max_queue_bytes", "leaves each of 32 threads"},
        {"[1]", "one JSON object", "file /tmp"},
        {"{\"port\":}", "line 1", "file /tmp"},
        {"", "line 1", "file /tmp"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct given given = {RM_DAEMON_CONTROL, cases[i].file, {NULL}, {NULL}};

        ASSERT_REFUSED(&given, cases[i].part, cases[i].other_part);
    }
}

static void test_bad_environment_and_flags_are_refused(void **state)
{
    struct given variable = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {"PORT=80x"}, {NULL}};
    struct given unknown = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {NULL}, {"--prot=1"}};
    struct given word = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {NULL}, {"start"}};
    struct given flag = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {NULL}, {"--threads=0"}};
    struct given other = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {NULL}, {"--node-id=1"}};
    struct given no_file = {RM_DAEMON_CONTROL, NULL, {NULL}, {"--config=/nonexistent/c.json"}};

    (void)state;
    ASSERT_REFUSED(&variable, "port: \"80x\"", "environment PORT");
    ASSERT_REFUSED(&unknown, "--prot");
    ASSERT_REFUSED(&word, "start");
    ASSERT_REFUSED(&flag, "threads: \"0\"", "flag --threads");
    ASSERT_REFUSED(&other, "--node-id");
    ASSERT_REFUSED(&no_file, "/nonexistent/c.json", "No such file");
}

static void test_variables_of_the_other_daemon_are_ignored(void **state)
{
    struct given given = {
        RM_DAEMON_CONTROL, "{" ENOUGH "}", {"NODE_ID=nonsense", "N_SHARDS=x"}, {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    rm_config_done(&config);
}

static void test_ranges_of_a_worker(void **state)
{
    static char *const flags[][2] = {
        {"--replicas=0", "replicas: \"0\" is not a whole number between 1 and 7"},
        {"--replicas=8", "between 1 and 7"},
        {"--min-free-disk-bytes=-1", "min_free_disk_bytes: \"-1\""},
        {"--max-log-bytes=1000", "max_log_bytes: \"1000\""},
        {"--max-shard-bytes=2147483648", "max_shard_bytes: \"2147483648\""},
        {"--max-idempotency-keys=1000001", "max_idempotency_keys: \"1000001\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct given given = {
            RM_DAEMON_WORKER, "{" ENOUGH ",\"node_id\":1}", {NULL}, {flags[i][0]}};

        ASSERT_REFUSED(&given, flags[i][1], "flag --");
    }
}

static void test_what_is_required(void **state)
{
    struct given no_token = {RM_DAEMON_CONTROL,
                             "{\"cluster_secret\":\"0123456789\",\"worker_hosts\":[\"a:1\"]}",
                             {NULL},
                             {NULL}};
    struct given no_secret = {
        RM_DAEMON_CONTROL, "{\"auth_token\":\"t\",\"worker_hosts\":[\"a:1\"]}", {NULL}, {NULL}};
    struct given no_workers = {RM_DAEMON_CONTROL,
                               "{\"auth_token\":\"t\",\"cluster_secret\":\"0123456789\"}",
                               {NULL},
                               {NULL}};
    struct given no_id = {RM_DAEMON_WORKER, "{" ENOUGH "}", {NULL}, {NULL}};
    struct given wrong_id = {RM_DAEMON_WORKER, "{" ENOUGH "}", {"NODE_ID=3"}, {NULL}};

    (void)state;
    ASSERT_REFUSED(&no_token, "set AUTH_TOKEN");
    ASSERT_REFUSED(&no_secret, "set CLUSTER_SECRET");
    ASSERT_REFUSED(&no_workers, "set WORKER_HOSTS");
    ASSERT_REFUSED(&no_id, "set NODE_ID");
    ASSERT_REFUSED(&wrong_id, "node_id: 3 (environment NODE_ID)", "worker_hosts (file /tmp");
}

static void test_workers(void **state)
{
    struct given given = {RM_DAEMON_CONTROL,
                          "{" ENOUGH "}",
                          {"WORKER_HOSTS=worker-1:8081, 7=[::1]:8082 ,10.0.0.1:65535/1"},
                          {NULL}};
    struct given objects = {RM_DAEMON_CONTROL,
                            "{\"auth_token\":\"t\",\"cluster_secret\":\"0123456789\","
                            "\"worker_hosts\":[\"x:1\",{\"id\":5,\"address\":\"y:2\"}]}",
                            {NULL},
                            {NULL}};
    struct given text = {RM_DAEMON_CONTROL,
                         "{\"auth_token\":\"t\",\"cluster_secret\":\"0123456789\","
                         "\"worker_hosts\":\"2=x:1\"}",
                         {NULL},
                         {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    assert_int_equal(config.n_workers, 3);
    assert_int_equal(config.workers[0].id, 1);
    assert_int_equal(config.workers[1].id, 7);
    assert_string_equal(config.workers[1].address, "[::1]:8082");
    assert_int_equal(config.workers[2].id, 3);
    rm_config_done(&config);

    assert_int_equal(load(&objects, &config, &complaint), 0);
    assert_int_equal(config.workers[1].id, 5);
    assert_string_equal(config.workers[1].address, "y:2");
    rm_config_done(&config);

    assert_int_equal(load(&text, &config, &complaint), 0);
    assert_int_equal(config.workers[0].id, 2);
    rm_config_done(&config);
}

static void test_peer_ports(void **state)
{
    struct given text = {RM_DAEMON_WORKER,
                         "{" ENOUGH ",\"node_id\":1}",
                         {"WORKER_HOSTS=a:8081,b:8081/9181,7=[::1]:65535/9,a:8082/8083"},
                         {NULL}};
    struct given array = {RM_DAEMON_CONTROL,
                          "{\"auth_token\":\"t\",\"cluster_secret\":\"0123456789\","
                          "\"worker_hosts\":[\"x:1\",\"x:2/3\","
                          "{\"id\":5,\"address\":\"y:2\",\"peer_port\":65535},"
                          "{\"id\":6,\"address\":\"y:3\"}]}",
                          {NULL},
                          {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&text, &config, &complaint), 0);
    assert_string_equal(config.workers[0].address, "a:8081");
    assert_string_equal(config.workers[0].host, "a");
    assert_int_equal(config.workers[0].peer_port, 8181);
    assert_string_equal(config.workers[1].address, "b:8081");
    assert_int_equal(config.workers[1].peer_port, 9181);
    assert_int_equal(config.workers[2].id, 7);
    assert_string_equal(config.workers[2].address, "[::1]:65535");
    assert_string_equal(config.workers[2].host, "::1");
    assert_int_equal(config.workers[2].peer_port, 9);
    rm_config_done(&config);

    assert_int_equal(load(&array, &config, &complaint), 0);
    assert_int_equal(config.workers[0].peer_port, 101);
    assert_int_equal(config.workers[1].peer_port, 3);
    assert_int_equal(config.workers[2].peer_port, 65535);
    assert_string_equal(config.workers[2].host, "y");
    assert_int_equal(config.workers[3].peer_port, 103);
    rm_config_done(&config);
}

static void test_bad_workers_are_refused(void **state)
{
    static char *const cases[][2] = {
        {"WORKER_HOSTS=worker-1", "\"worker-1\" is not host:port"},
        {"WORKER_HOSTS=worker-1:", "\"worker-1:\" is not host:port"},
        {"WORKER_HOSTS=:8081", "\":8081\" is not host:port"},
        {"WORKER_HOSTS=a:0", "\"a:0\" is not host:port"},
        {"WORKER_HOSTS=a:65536", "\"a:65536\" is not host:port"},
        {"WORKER_HOSTS=a:1/path", "is not host:port"},
        {"WORKER_HOSTS=user@a:1", "is not host:port"},
        {"WORKER_HOSTS=::1:8081", "is not host:port"},
        {"WORKER_HOSTS=[::g]:8081", "is not host:port"},
        {"WORKER_HOSTS=a:1,", "\"\" is not host:port"},
        {"WORKER_HOSTS=,", "\"\" is not host:port"},
        {"WORKER_HOSTS= ", "no worker is named"},
        {"WORKER_HOSTS=a:1,a:1", "stands there twice"},
        {"WORKER_HOSTS=2=a:1,b:2", "two workers have the id 2"},
        {"WORKER_HOSTS=0=a:1", "the id of \"0=a:1\""},
        {"WORKER_HOSTS=x=a:1", "the id of \"x=a:1\""},
        {"WORKER_HOSTS=65536=a:1", "the id of"},
        {"WORKER_HOSTS=a:1/", "\"a:1/\" is not host:port or host:port/peer_port"},
        {"WORKER_HOSTS=a:1/0", "is not host:port or host:port/peer_port"},
        {"WORKER_HOSTS=a:1/65536", "is not host:port or host:port/peer_port"},
        {"WORKER_HOSTS=a:1/2/3", "is not host:port or host:port/peer_port"},
        {"WORKER_HOSTS=a:65436", "65436 + 100 is none: a:65436/PEER_PORT"},
        {"WORKER_HOSTS=a:1/1", "the peer port of \"a:1/1\" is its HTTP port"},
        {"WORKER_HOSTS=a:1/9,a:1/8", "\"a:1\" stands there twice"},
        {"WORKER_HOSTS=a:1/9,a:2/9", "\"a:1/9\" and \"a:2/9\" have a port in common"},
        {"WORKER_HOSTS=a:1,a:101", "\"a:1/101\" and \"a:101/201\" have a port in common"},
        {"WORKER_HOSTS=a:101,a:1", "\"a:101/201\" and \"a:1/101\" have a port in common"},
    };
    static const char *const arrays[][2] = {
        {"[]", "no worker is named"},
        {"[1]", "texts or objects"},
        {"[{\"id\":1}]", "an integer \"id\" and a text \"address\""},
        {"[{\"id\":1,\"address\":\"a:1\",\"x\":1}]", "an integer \"id\""},
        {"[{\"id\":70000,\"address\":\"a:1\"}]", "the id of"},
        {"[{\"id\":1,\"address\":\"a:1/2\"}]", "\"a:1/2\" is not host:port"},
        {"[{\"id\":1,\"address\":\"a:1\",\"peer_port\":0}]", "peer_port of \"a:1\""},
        {"[{\"id\":1,\"address\":\"a:1\",\"peer_port\":65536}]", "peer_port of \"a:1\""},
        {"[{\"id\":1,\"address\":\"a:1\",\"peer_port\":\"2\"}]", "peer_port of \"a:1\""},
        {"{}", "an array or a text"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct given given = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {cases[i][0]}, {NULL}};

        ASSERT_REFUSED(&given, "worker_hosts: ", cases[i][1], "environment WORKER_HOSTS");
    }
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        char file[256];
        struct given given = {RM_DAEMON_CONTROL, file, {NULL}, {NULL}};

        snprintf(file, sizeof file, "{\"worker_hosts\":%s}", arrays[i][0]);
        ASSERT_REFUSED(&given, "worker_hosts: ", arrays[i][1], "file /tmp");
    }
}

static void test_tokens(void **state)
{
    struct given given = {RM_DAEMON_CONTROL,
                          "{" ENOUGH
                          ",\"tokens\":[{\"name\":\"ci\",\"token\":\"abc\",\"scopes\":[\"write\"]},"
                          "{\"name\":\"ops\",\"token\":\"def\",\"scopes\":[\"read\",\"admin\"]}]}",
                          {NULL},
                          {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    assert_int_equal(config.n_tokens, 3);
    assert_int_equal(config.tokens[0].scopes, RM_SCOPE_WRITE);
    assert_int_equal(config.tokens[1].scopes, RM_SCOPE_READ | RM_SCOPE_ADMIN);
    assert_string_equal(config.tokens[2].name, "default");
    rm_config_done(&config);
}

static void test_bad_tokens_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"7", "must be an array"},
        {"[\"abc\"]", "must be an object"},
        {"[{\"name\":\"a\",\"token\":\"b\"}]", "\"scopes\""},
        {"[{\"name\":\"a\",\"token\":\"b\",\"scopes\":[]}]", "at least one"},
        {"[{\"name\":\"a\",\"token\":\"b\",\"scopes\":[\"root\"]}]", "scopes of token a"},
        {"[{\"name\":\"a\",\"token\":\"b\",\"scopes\":[\"read\",\"read\"]}]", "each once"},
        {"[{\"name\":\"a\",\"token\":\"hid den\",\"scopes\":[\"read\"]}]", "without spaces"},
        {"[{\"name\":\"a\",\"token\":\"\",\"scopes\":[\"read\"]}]", "token a must be"},
        {"[{\"name\":\"\",\"token\":\"b\",\"scopes\":[\"read\"]}]", "name must be"},
        {"[{\"name\":\"default\",\"token\":\"b\",\"scopes\":[\"read\"]}]", "two tokens have"},
        {"[{\"name\":\"a\",\"token\":\"t1\",\"scopes\":[\"read\"]}]", "are equal"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[400];
        struct given given = {RM_DAEMON_CONTROL, file, {NULL}, {NULL}};

        snprintf(file, sizeof file, "{" ENOUGH ",\"tokens\":%s}", cases[i][0]);
        ASSERT_REFUSED(&given, "tokens", cases[i][1]);
    }
}

static void test_secrets_are_never_repeated(void **state)
{
    struct given spaced = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {"AUTH_TOKEN=hid den"}, {NULL}};
    struct given brief = {RM_DAEMON_CONTROL, "{" ENOUGH "}", {"CLUSTER_SECRET=hidden"}, {NULL}};
    struct given typed = {RM_DAEMON_CONTROL, "{\"cluster_secret\":123454321}", {NULL}, {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&spaced, &config, &complaint), RM_EINVAL);
    assert_non_null(strstr(complaint.text, "auth_token: \"***\""));
    assert_null(strstr(complaint.text, "hid"));
    assert_int_equal(load(&brief, &config, &complaint), RM_EINVAL);
    assert_non_null(strstr(complaint.text, "cluster_secret: \"***\" is not 8 to 1024"));
    assert_int_equal(load(&typed, &config, &complaint), RM_EINVAL);
    assert_null(strstr(complaint.text, "12345"));
}

static char *printed(void (*print)(FILE *, const struct rm_config *),
                     const struct rm_config *config)
{
    char *text = NULL;
    size_t len;
    FILE *stream = open_memstream(&text, &len);

    assert_non_null(stream);
    print(stream, config);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void test_bounds(void **state)
{
    struct given given = {RM_DAEMON_WORKER,
                          "{" ENOUGH ",\"node_id\":1,\"histogram_bounds\":{"
                          "\"http.*\":[-0.0,0.1,2,1e9],\"b?\":[],\"*\":[1]}}",
                          {NULL},
                          {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;
    char *table;
    char *json;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    assert_int_equal(config.n_bounds, 3);
    assert_true(rm_bucket_rules_are_valid(config.bounds, 3));
    assert_true(rm_slice_is(config.bounds[0].pattern, "http.*"));
    assert_int_equal(config.bounds[0].n_bounds, 4);
    assert_true(config.bounds[0].bounds[1] == 0.1 && config.bounds[0].bounds[3] == 1e9);
    assert_int_equal(config.bounds[1].n_bounds, 0);
    assert_true(rm_slice_is(config.bounds[2].pattern, "*"));
    table = printed(rm_config_print_table, &config);
    json = printed(rm_config_print_json, &config);
    assert_non_null(strstr(table, "http.*=0,0.1,2,1000000000;b?=;*=1 "));
    assert_non_null(strstr(json, "\"b?\": []"));
    free(table);
    free(json);
    rm_config_done(&config);
}

static void test_bad_bounds_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"[1]", "must be an object"},
        {"\"http.*\"", "must be an object"},
        {"{\"a\":1}", "\"a\": must be an array"},
        {"{\"a\":[1],\"b c\":[1]}", "\"b c\" is not a pattern"},
        {"{\"\":[1]}", "is not a pattern"},
        {"{\"a\":[1,\"2\"]}", "\"a\": bound 2 is not a number"},
        {"{\"a\":[1,2,2]}", "\"a\": bound 3 is not above"},
        {"{\"a\":[-0.0,0]}", "\"a\": bound 2 is not above"},
        {"{\"a\":[1e999]}", "overflow"},
        {"{\"a\":[1],\"a\":[2]}", "duplicate"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[400];
        struct given given = {RM_DAEMON_WORKER, file, {NULL}, {NULL}};

        snprintf(file, sizeof file, "{" ENOUGH ",\"node_id\":1,\"histogram_bounds\":%s}",
                 cases[i][0]);
        ASSERT_REFUSED(&given, cases[i][1], "file /tmp");
    }
}

static void test_too_many_bounds_are_refused(void **state)
{
    char file[4096] = "{" ENOUGH ",\"node_id\":1,\"histogram_bounds\":{";
    struct given given = {RM_DAEMON_WORKER, file, {NULL}, {NULL}};
    size_t len = strlen(file);

    (void)state;
    for (int i = 0; i <= RM_BUCKET_RULES_MAX; i++) {
        len +=
            (size_t)snprintf(file + len, sizeof file - len, "%s\"p%d\":[1]", i == 0 ? "" : ",", i);
    }
    strcpy(file + len, "}}");
    ASSERT_REFUSED(&given, "histogram_bounds: more than 64 patterns", "file /tmp");
    len = (size_t)(strstr(file, "{\"p0\"") - file);
    len += (size_t)snprintf(file + len, sizeof file - len, "{\"a\":[0");
    for (int i = 1; i <= RM_BUCKET_BOUNDS_MAX; i++) {
        len += (size_t)snprintf(file + len, sizeof file - len, ",%d", i);
    }
    strcpy(file + len, "]}}");
    ASSERT_REFUSED(&given, "\"a\": must be an array of at most 128 numbers", "file /tmp");
}

static void test_retention(void **state)
{
    struct given given = {RM_DAEMON_WORKER,
                          "{" ENOUGH ",\"node_id\":1,\"max_samples_per_series\":7,"
                          "\"samples_full\":\"refuse\",\"retention\":["
                          "{\"pattern\":\"cpu_*\",\"max_age\":\"1d12h\"},"
                          "{\"pattern\":\"*\",\"max_age\":\"1500ms\"}]}",
                          {NULL},
                          {NULL}};
    struct rm_config config;
    struct rm_complaint complaint;
    char *table;
    char *json;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    assert_int_equal(config.n_retention, 2);
    assert_true(rm_slice_is(config.retention[0].pattern, "cpu_*"));
    assert_int_equal(config.retention[0].max_age_ms, 36 * 3600000);
    assert_int_equal(config.retention[1].max_age_ms, 1500);
    assert_int_equal(config.max_samples_per_series, 7);
    assert_int_equal(config.samples_full, RM_SAMPLES_REFUSE);
    assert_int_equal(config.expire_interval_ms, 60000);
    table = printed(rm_config_print_table, &config);
    json = printed(rm_config_print_json, &config);
    assert_non_null(strstr(table, "cpu_*=36h;*=1500ms "));
    assert_non_null(strstr(json, "\"max_age\": \"36h\""));
    free(table);
    free(json);
    rm_config_done(&config);
}

static void test_bad_retention_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "must be an array"},
        {"[1]", "entry 1 is not an object"},
        {"[{\"pattern\":\"a\"}]", "entry 1 is not an object"},
        {"[{\"pattern\":\"a\",\"max_age\":5}]", "entry 1 is not an object"},
        {"[{\"pattern\":\"a\",\"max_age\":\"1d\",\"x\":1}]", "entry 1 is not an object"},
        {"[{\"pattern\":\"a b\",\"max_age\":\"1d\"}]", "\"a b\" is not a pattern"},
        {"[{\"pattern\":\"a\",\"max_age\":\"1 day\"}]", "\"1 day\" is no duration"},
        {"[{\"pattern\":\"a\",\"max_age\":\"0s\"}]", "\"0s\" is no duration"},
        {"[{\"pattern\":\"a\",\"max_age\":\"9999999999d\"}]", "is no duration"},
        {"[{\"pattern\":\"a\",\"max_age\":\"1d\"},{\"pattern\":\"a\",\"max_age\":\"2d\"}]",
         "entry 2: \"a\" stands there twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[400];
        struct given given = {RM_DAEMON_WORKER, file, {NULL}, {NULL}};

        snprintf(file, sizeof file, "{" ENOUGH ",\"node_id\":1,\"retention\":%s}", cases[i][0]);
        ASSERT_REFUSED(&given, cases[i][1], "file /tmp");
    }
}

static void test_exposition(void **state)
{
    struct given given = {RM_DAEMON_WORKER,
                          "{" ENOUGH ",\"node_id\":1,\"exposition\":["
                          "{\"pattern\":\"*_total\",\"as\":\"counter\"},"
                          "{\"as\":\"gauge\",\"pattern\":\"disk.?\"},"
                          "{\"pattern\":\"x\",\"as\":\"histogram\"},"
                          "{\"pattern\":\"*\",\"as\":\"both\"}]}",
                          {NULL},
                          {NULL}};
    static const enum rm_exposed_as expected[] = {RM_EXPOSED_AS_COUNTER, RM_EXPOSED_AS_GAUGE,
                                                  RM_EXPOSED_AS_HISTOGRAM, RM_EXPOSED_AS_BOTH};
    struct rm_config config;
    struct rm_complaint complaint;
    char *table;
    char *json;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    assert_int_equal(config.n_exposition, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(config.exposition[i].as, expected[i]);
    }
    assert_true(rm_slice_is(config.exposition[1].pattern, "disk.?"));
    table = printed(rm_config_print_table, &config);
    json = printed(rm_config_print_json, &config);
    assert_non_null(strstr(table, "*_total=counter;disk.?=gauge;x=histogram;*=both "));
    assert_non_null(strstr(json, "\"pattern\": \"disk.?\",\n        \"as\": \"gauge\""));
    free(table);
    free(json);
    rm_config_done(&config);
}

static void test_bad_exposition_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"{\"a\":\"gauge\"}", "exposition: must be an array of at most 64 objects"},
        {"[1]", "entry 1 is not an object with"},
        {"[{\"pattern\":\"a\",\"as\":\"both\"},{\"pattern\":\"a\"}]",
         "entry 2 is not an object with"},
        {"[{\"pattern\":\"a\",\"as\":\"both\",\"x\":1}]", "entry 1 is not an object with"},
        {"[{\"pattern\":1,\"as\":\"both\"}]", "entry 1 is not an object with"},
        {"[{\"pattern\":\"a b\",\"as\":\"both\"}]", "entry 1: \"a b\" is not a pattern"},
        {"[{\"pattern\":\"\",\"as\":\"both\"}]", "entry 1: \"\" is not a pattern"},
        {"[{\"pattern\":\"a\",\"as\":\"Gauge\"}]", "entry 1, \"a\": \"Gauge\" is none of both, "},
        {"[{\"pattern\":\"a\",\"as\":\"both\"},{\"pattern\":\"a\",\"as\":\"gauge\"}]",
         "entry 2: \"a\" stands there twice"},
    };
    char file[4096] = "{" ENOUGH ",\"node_id\":1,\"exposition\":[{}";
    struct given given = {RM_DAEMON_WORKER, file, {NULL}, {NULL}};

    (void)state;
    for (int i = 0; i < RM_EXPOSITION_RULES_MAX; i++) {
        strcat(file, ",{}");
    }
    strcat(file, "]}");
    ASSERT_REFUSED(&given, "exposition: must be an array of at most 64 objects", "file /tmp");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(file, sizeof file, "{" ENOUGH ",\"node_id\":1,\"exposition\":%s}", cases[i][0]);
        ASSERT_REFUSED(&given, cases[i][1], "file /tmp");
    }
}

static void print_reference(FILE *out, const struct rm_config *config)
{
    (void)config;
    rm_config_print_reference(out);
}

static void test_printing_masks_secrets_and_names_sources(void **state)
{
    struct given given = {RM_DAEMON_CONTROL,
                          "{\"auth_token\":\"hush-1\",\"cluster_secret\":\"hush-hush\","
                          "\"worker_hosts\":[\"a:1\"],\"tokens\":[{\"name\":\"ci\",\"token\":"
                          "\"hush-2\",\"scopes\":[\"read\"]}]}",
                          {"PORT=99"},
                          {NULL}};
    void (*const prints[])(FILE *, const struct rm_config *) = {rm_config_print_table,
                                                                rm_config_print_json};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    assert_int_equal(load(&given, &config, &complaint), 0);
    for (size_t i = 0; i < 2; i++) {
        char *text = printed(prints[i], &config);

        assert_null(strstr(text, "hush"));
        assert_non_null(strstr(text, "***"));
        assert_non_null(strstr(text, "environment PORT"));
        assert_non_null(strstr(text, "ci"));
        assert_null(strstr(text, "node_id"));
        free(text);
    }
    rm_config_done(&config);
}

static void read_file(const char *path, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t len;

    if (file == NULL) {
        fail_msg("cannot read %s: run the tests from the top of the tree", path);
    }
    len = fread(ret_text, 1, size - 1, file);
    fclose(file);
    assert_true(len < size - 1);
    ret_text[len] = '\0';
}

/* config/README.md ends with exactly what the table says: every key, default and range. */
static void test_the_reference_is_the_table(void **state)
{
    static char page[65536];
    char *reference = printed(print_reference, NULL);
    const char *start;

    (void)state;
    read_file("config/README.md", page, sizeof page);
    start = strstr(page, "| key |");
    assert_non_null(start);
    assert_string_equal(start, reference);
    for (size_t i = 0; i < rm_config_n_keys; i++) {
        char row[64];

        snprintf(row, sizeof row, "| `%s` |", rm_config_keys[i].name);
        assert_non_null(strstr(page, row));
    }
    free(reference);
}

static void test_the_shipped_files_load(void **state)
{
    static char *const none[] = {NULL};
    struct rm_config config;
    struct rm_complaint complaint;

    (void)state;
    for (int i = 0; i < 2; i++) {
        enum rm_daemon daemon = i == 0 ? RM_DAEMON_CONTROL : RM_DAEMON_WORKER;
        char *argv[] = {"daemon", "--config", i == 0 ? "config/control.json" : "config/worker.json",
                        NULL};

        if (rm_config_load(&config, daemon, 3, argv, none, &complaint) != 0) {
            fail_msg("%s", complaint.text);
        }
        assert_string_equal(config.listen, "127.0.0.1");
        assert_string_equal(config.auth_token, RM_LOCAL_DEV_TOKEN);
        rm_config_done(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_the_later_source_wins),
        cmocka_unit_test(test_the_environment_alone_is_enough),
        cmocka_unit_test(test_secret_files),
        cmocka_unit_test(test_bad_files_are_refused),
        cmocka_unit_test(test_bad_environment_and_flags_are_refused),
        cmocka_unit_test(test_variables_of_the_other_daemon_are_ignored),
        cmocka_unit_test(test_ranges_of_a_worker),
        cmocka_unit_test(test_what_is_required),
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_peer_ports),
        cmocka_unit_test(test_bad_workers_are_refused),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_bad_tokens_are_refused),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bad_bounds_are_refused),
        cmocka_unit_test(test_too_many_bounds_are_refused),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_bad_retention_is_refused),
        cmocka_unit_test(test_exposition),
        cmocka_unit_test(test_bad_exposition_is_refused),
        cmocka_unit_test(test_secrets_are_never_repeated),
        cmocka_unit_test(test_printing_masks_secrets_and_names_sources),
        cmocka_unit_test(test_the_reference_is_the_table),
        cmocka_unit_test(test_the_shipped_files_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
