/* What `raftmetrics dev` writes before it starts anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/cmd/dev.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/cmd/config.h"

static char top[64];

static int make_top(void **state)
{
    (void)state;
    strcpy(top, "/tmp/rm-test-dev-XXXXXX");
    return mkdtemp(top) == NULL ? -1 : 0;
}

static int remove_top(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command);
}

/* Ports may be taken by whatever else runs here: the first of @lowest, … that is free. */
static void prepare(struct rm_dev_plan *plan, unsigned n_workers, unsigned lowest)
{
    struct rm_complaint complaint;

    for (unsigned port = lowest; port + n_workers <= UINT16_MAX; port++) {
        int error;

        *plan = (struct rm_dev_plan){.n_workers = n_workers,
                                     .port = (uint16_t)port,
                                     .given_directory = top,
                                     .token = "t",
                                     .log_level = "info"};
        error = rm_dev_prepare(plan, &complaint);
        if (error == 0) {
            return;
        }
        rm_dev_plan_done(plan);
        if (error != RM_EBUSY) {
            fail_msg("%s", complaint.text);
        }
    }
    fail_msg("no port is free");
}

/* As the node will, which refuses what clashes. */
static void load(const struct rm_dev_node *node, struct rm_config *ret_config)
{
    static char *const none[] = {NULL};
    char *argv[] = {"daemon", "--config", node->config_path, NULL};
    struct rm_complaint complaint;

    if (rm_config_load(ret_config, node->daemon, 3, argv, none, &complaint) != 0) {
        fail_msg("%s: %s", node->name, complaint.text);
    }
}

static void test_every_node_is_told_the_same_workers(void **state)
{
    struct rm_dev_plan plan;
    struct rm_config config;

    (void)state;
    prepare(&plan, 3, 20000);
    assert_int_equal(plan.n_nodes, 4);
    for (unsigned i = 0; i < plan.n_nodes; i++) {
        load(&plan.nodes[i], &config);
        assert_int_equal(config.port, plan.port + i);
        assert_int_equal(config.n_workers, 3);
        for (unsigned worker = 0; worker < 3; worker++) {
            assert_int_equal(config.workers[worker].id, worker + 1);
            assert_int_equal(config.workers[worker].peer_port, plan.nodes[worker + 1].peer_port);
        }
        if (i > 0) {
            assert_int_equal(config.node_id, i);
            assert_int_equal(config.replicas, 3);
            assert_int_equal(config.min_free_disk_bytes, 64 << 20);
        }
        rm_config_done(&config);
    }
    rm_dev_plan_done(&plan);
}

/* More of them than there are ports above. */
static void test_peer_ports_past_the_largest_are_others(void **state)
{
    struct rm_dev_plan plan;
    struct rm_config config;

    (void)state;
    prepare(&plan, RM_DEV_WORKERS_MAX, 65400);
    for (unsigned i = 0; i < plan.n_nodes; i++) {
        load(&plan.nodes[i], &config);
        for (unsigned worker = 0; worker < RM_DEV_WORKERS_MAX; worker++) {
            assert_int_equal(config.workers[worker].peer_port, plan.nodes[worker + 1].peer_port);
        }
        rm_config_done(&config);
    }
    assert_true(plan.nodes[RM_DEV_WORKERS_MAX].peer_port < plan.port);
    rm_dev_plan_done(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_node_is_told_the_same_workers, make_top,
                                        remove_top),
        cmocka_unit_test_setup_teardown(test_peer_ports_past_the_largest_are_others, make_top,
                                        remove_top),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
