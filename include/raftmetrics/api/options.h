/* What both daemons are told at their start. All texts are borrowed for the daemon's life. */
#ifndef RAFTMETRICS_API_OPTIONS_H
#define RAFTMETRICS_API_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum rm_scope { RM_SCOPE_READ = 1, RM_SCOPE_WRITE = 2, RM_SCOPE_ADMIN = 4 };

struct rm_token {
    const char *name; /* scopes idempotency keys; appears in logs, the secret never */
    const char *secret;
    unsigned scopes; /* RM_SCOPE_… or'ed */
};

/* A worker as the configuration names it. */
struct rm_worker_address {
    uint32_t id;
    const char *address; /* host:port of its HTTP interface */
    const char *host;    /* the same host, an IPv6 address without its brackets */
    uint16_t peer_port;  /* of that host: where it speaks Raft */
};

struct rm_api_limits {
    unsigned max_connections;
    unsigned max_headers;
    size_t max_target_bytes;
    size_t max_header_bytes;
    size_t max_body_bytes;  /* POST /metrics and everything but batches */
    size_t max_batch_bytes; /* POST /metrics/batch */
    size_t max_batch_items;
    unsigned max_labels;
    size_t max_label_name_bytes;
    size_t max_label_value_bytes;
    uint64_t request_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t client_deadline_ms; /* a client is answered within this */
    size_t max_answers_bytes;    /* of a loop's answers that clients have not taken yet */
};

struct rm_api_options {
    const char *listen; /* address to bind */
    uint16_t port;      /* 0: the kernel picks */
    const struct rm_token *tokens;
    size_t n_tokens;
    const char *cluster_name;
    const char *cluster_secret;
    const struct rm_worker_address *workers;
    size_t n_workers;
    struct rm_api_limits limits;
};

#endif
