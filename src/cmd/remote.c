#include "remote.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/net/http_client.h"
#include "raftmetrics/net/loop.h"
#include "text_file.h"

/* A daemon answers within client_deadline_ms, 8 s unless configured; what takes longer than this
 * is lost. Answers are as large as a million values make them. */
enum { TIMEOUT_MS = 60000, RETRY_AFTER_MAX_S = 3600 };
#define ANSWER_MAX_BYTES ((size_t)1 << 30)

#define DEFAULT_URL "http://127.0.0.1:8080"

struct rm_remote {
    struct rm_loop *loop;
    struct rm_http_client *client;
    char *url;
    char *authorization; /* the whole header; NULL without a token */
};

struct waiting {
    struct rm_remote *remote;
    struct rm_answer answer;
};

static const char *url_from(const struct rm_options *options)
{
    const char *url = rm_options_value(options, "url");

    if (url == NULL) {
        url = getenv("RAFTMETRICS_URL");
    }
    return url == NULL || url[0] == '\0' ? DEFAULT_URL : url;
}

static int set_url(struct rm_remote *remote, const struct rm_options *options,
                   struct rm_complaint *complaint)
{
    struct rm_slice url = rm_slice_of(url_from(options));

    if ((!rm_slice_has_prefix(url, rm_slice_of("http://")) &&
         !rm_slice_has_prefix(url, rm_slice_of("https://"))) ||
        !rm_slice_all_between(url, 0x21, 0x7e)) {
        return rm_complain(complaint, RM_EINVAL, "the URL must be http://host:port, not \"%s\"",
                           url.data);
    }
    while (url.data[url.len - 1] == '/') {
        url.len--;
    }
    remote->url = rm_slice_dup(url);
    return remote->url == NULL ? rm_complain(complaint, RM_ENOMEM, "out of memory") : 0;
}

static int set_token(struct rm_remote *remote, struct rm_slice token,
                     struct rm_complaint *complaint)
{
    if (!rm_slice_all_between(token, 0x21, 0x7e)) {
        return rm_complain(complaint, RM_EINVAL,
                           "the token holds a space or something that is not visible ASCII");
    }
    if (token.len > 0 &&
        asprintf(&remote->authorization, "Authorization: Bearer %s", token.data) < 0) {
        remote->authorization = NULL;
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    return 0;
}

static int set_token_from_file(struct rm_remote *remote, const char *path,
                               struct rm_complaint *complaint)
{
    char *token;
    int error = rm_secret_file_read(path, &token, complaint);

    if (error != 0) {
        return error;
    }
    error = set_token(remote, rm_slice_of(token), complaint);
    free(token);
    return error;
}

/* Flags before environment; without a token the daemon's 401 says what to do. */
static int find_token(struct rm_remote *remote, const struct rm_options *options,
                      struct rm_complaint *complaint)
{
    const char *token = rm_options_value(options, "token");
    const char *path = rm_options_value(options, "token-file");

    if (token != NULL && path != NULL) {
        return rm_complain(complaint, RM_EINVAL, "give --token or --token-file, not both");
    }
    if (token == NULL && path == NULL) {
        token = getenv("AUTH_TOKEN");
        path = token == NULL || token[0] == '\0' ? getenv("AUTH_TOKEN_FILE") : NULL;
    }
    if (path != NULL && path[0] != '\0') {
        return set_token_from_file(remote, path, complaint);
    }
    return set_token(remote, rm_slice_of(token == NULL ? "" : token), complaint);
}

int rm_remote_new(const struct rm_options *options, struct rm_remote **ret_remote,
                  struct rm_complaint *complaint)
{
    struct rm_remote *remote = calloc(1, sizeof *remote);
    int error;

    if (remote == NULL) {
        return rm_complain(complaint, RM_ENOMEM, "out of memory");
    }
    error = set_url(remote, options, complaint);
    if (error == 0) {
        error = find_token(remote, options, complaint);
    }
    if (error == 0) {
        remote->loop = rm_loop_new();
        remote->client = remote->loop != NULL ? rm_http_client_new(remote->loop) : NULL;
        if (remote->client == NULL) {
            error = rm_complain(complaint, RM_ENOMEM, "out of memory");
        }
    }
    if (error != 0) {
        rm_remote_free(remote);
        return error;
    }
    *ret_remote = remote;
    return 0;
}

void rm_remote_free(struct rm_remote *remote)
{
    if (remote == NULL) {
        return;
    }
    rm_http_client_free(remote->client);
    rm_loop_free(remote->loop);
    free(remote->url);
    free(remote->authorization);
    free(remote);
}

const char *rm_remote_url(const struct rm_remote *remote)
{
    return remote->url;
}

static void on_answer(const struct rm_http_answer *answer, void *data)
{
    struct waiting *waiting = data;
    int64_t seconds = 0;

    waiting->answer = (struct rm_answer){.error = answer->error, .status = answer->status};
    if (answer->error == 0) {
        waiting->answer.body = rm_slice_dup(answer->body);
        waiting->answer.body_len = answer->body.len;
        if (waiting->answer.body == NULL) {
            waiting->answer.error = RM_ENOMEM;
        }
        rm_int_parse(answer->retry_after, 0, RETRY_AFTER_MAX_S, &seconds);
        waiting->answer.retry_ms = seconds * 1000;
    }
    rm_loop_stop(waiting->remote->loop);
}

void rm_remote_call(struct rm_remote *remote, const char *method, const char *target,
                    struct rm_slice body, const char *idempotency_key, struct rm_answer *ret_answer)
{
    struct waiting waiting = {.remote = remote};
    const char *headers[3];
    struct rm_http_call call = {
        .method = method,
        .headers = headers,
        .body = body,
        .timeout_ms = TIMEOUT_MS,
        .max_answer_bytes = ANSWER_MAX_BYTES,
    };
    char key[160];
    char *url = NULL;

    if (remote->authorization != NULL) {
        headers[call.n_headers++] = remote->authorization;
    }
    if (body.data != NULL) {
        headers[call.n_headers++] = "Content-Type: application/json";
    }
    if (idempotency_key != NULL) {
        snprintf(key, sizeof key, "Idempotency-Key: %s", idempotency_key);
        headers[call.n_headers++] = key;
    }
    if (asprintf(&url, "%s%s", remote->url, target) < 0) {
        *ret_answer = (struct rm_answer){.error = RM_ENOMEM};
        return;
    }
    call.url = url;
    waiting.answer.error = rm_http_client_send(remote->client, &call, on_answer, &waiting);
    if (waiting.answer.error == 0) {
        rm_loop_run(remote->loop);
    }
    free(url);
    *ret_answer = waiting.answer;
}

void rm_answer_done(struct rm_answer *answer)
{
    free(answer->body);
    *answer = (struct rm_answer){0};
}

static const char *transport_reason(int error)
{
    switch (error) {
    case RM_ECONNECT:
        return "could not connect";
    case RM_EUNKNOWN:
    case RM_ETIMEDOUT:
        return "no whole answer came; whether the request took effect is unknown";
    case RM_ETOOBIG:
        return "the answer is too large; narrow the query";
    default:
        return rm_strerror(error);
    }
}

void rm_answer_explain(const struct rm_remote *remote, const struct rm_answer *answer,
                       struct rm_complaint *ret_complaint)
{
    json_t *root;
    const char *message;

    if (answer->error != 0) {
        rm_complain(ret_complaint, answer->error, "%s: %s", remote->url,
                    transport_reason(answer->error));
        return;
    }
    root = json_loadb(answer->body, answer->body_len, 0, NULL);
    message = json_string_value(json_object_get(root, "message"));
    if (message != NULL) {
        rm_complain(ret_complaint, RM_EINVAL, "%s", message);
    } else {
        rm_complain(ret_complaint, RM_EINVAL, "%s answered %d without saying why", remote->url,
                    answer->status);
    }
    json_decref(root);
}

int rm_remote_ask(struct rm_remote *remote, const char *command, const char *method,
                  const char *target, struct rm_slice body, const char *idempotency_key,
                  struct rm_answer *ret_answer)
{
    struct rm_complaint complaint;
    struct rm_answer answer;

    rm_remote_call(remote, method, target, body, idempotency_key, &answer);
    if (answer.error != 0 || answer.status != 200) {
        rm_answer_explain(remote, &answer, &complaint);
        fprintf(stderr, "raftmetrics %s: %s\n", command, complaint.text);
        rm_answer_done(&answer);
        return RM_EXIT_FAILED;
    }
    *ret_answer = answer;
    return RM_EXIT_OK;
}

void rm_answer_print(const struct rm_answer *answer)
{
    fwrite(answer->body, 1, answer->body_len, stdout);
    if (answer->body_len == 0 || answer->body[answer->body_len - 1] != '\n') {
        putchar('\n');
    }
}
