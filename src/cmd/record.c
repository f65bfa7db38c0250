/* raftmetrics record: one value. */
#include <stdio.h>
#include <string.h>

#include "client_command.h"
#include "commands.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/json_writer.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/base/utf8.h"

enum { BODY_MAX = 1 << 20 };

static const char usage[] =
    "usage: raftmetrics record NAME VALUE [--label K=V]... [--timestamp T]\n\n"
    "Records one value. T is RFC 3339 (2024-11-25T20:59:23Z) or integer milliseconds since the\n"
    "epoch; without it the value is recorded as of now.\n\n";

static const struct rm_option table[] = {
    RM_REMOTE_OPTIONS,
    RM_JSON_OPTION,
    {"label", "K=V", "a label of the value; repeatable", true},
    {"timestamp", "T", "when it was measured", false},
    {"idempotency-key", "KEY", "sent again with the same key, it is recorded once", false},
};

static int write_labels(struct rm_json_writer *json, const struct rm_options *options,
                        struct rm_complaint *complaint)
{
    const char *label;

    rm_json_key(json, "labels");
    rm_json_object_begin(json);
    for (size_t i = 0; (label = rm_options_nth(options, "label", i)) != NULL; i++) {
        struct rm_slice value = rm_slice_of(label);
        struct rm_slice name;
        char key[256];

        rm_slice_next(&value, '=', &name);
        if (value.data == NULL || name.len == 0 || name.len >= sizeof key ||
            !rm_utf8_is_valid(rm_slice_of(label))) {
            return rm_complain(complaint, RM_EINVAL, "--label must be name=value, not \"%s\"",
                               label);
        }
        snprintf(key, sizeof key, "%.*s", (int)name.len, name.data);
        rm_json_member_text(json, key, value);
    }
    rm_json_object_end(json);
    return 0;
}

static void write_timestamp(struct rm_json_writer *json, const char *text)
{
    int64_t count;

    rm_json_key(json, "timestamp");
    if (rm_int_parse(rm_slice_of(text), INT64_MIN, INT64_MAX, &count) == 0) {
        rm_json_int(json, count);
    } else {
        rm_json_text(json, rm_slice_of(text));
    }
}

static int write_body(struct rm_buffer *body, const struct rm_options *options,
                      struct rm_complaint *complaint)
{
    const char *timestamp = rm_options_value(options, "timestamp");
    struct rm_json_writer json;
    double value;
    int error;

    if (rm_double_parse(rm_slice_of(options->words[1]), &value) != 0) {
        return rm_complain(complaint, RM_EINVAL, "VALUE must be a finite number, not \"%s\"",
                           options->words[1]);
    }
    if (!rm_utf8_is_valid(rm_slice_of(options->words[0])) ||
        (timestamp != NULL && !rm_utf8_is_valid(rm_slice_of(timestamp)))) {
        return rm_complain(complaint, RM_EINVAL, "the arguments must be UTF-8");
    }
    rm_json_init(&json, body);
    rm_json_object_begin(&json);
    rm_json_member_text(&json, "metric_name", rm_slice_of(options->words[0]));
    rm_json_member_double(&json, "value", value);
    if (timestamp != NULL) {
        write_timestamp(&json, timestamp);
    }
    if (rm_options_has(options, "label")) {
        error = write_labels(&json, options, complaint);
        if (error != 0) {
            return error;
        }
    }
    rm_json_object_end(&json);
    error = rm_json_finish(&json);
    return error == 0 ? 0 : rm_complain(complaint, error, "%s", rm_strerror(error));
}

static void print_message(const struct rm_answer *answer)
{
    json_t *root = json_loadb(answer->body, answer->body_len, 0, NULL);
    const char *message = json_string_value(json_object_get(root, "message"));

    puts(message != NULL ? message : "recorded");
    json_decref(root);
}

static bool is_key(const char *key)
{
    size_t len = strlen(key);

    return len >= 1 && len <= 128 && rm_slice_all_between(rm_slice_of(key), 0x21, 0x7e);
}

static int run(struct rm_remote *remote, const struct rm_options *options)
{
    const char *key = rm_options_value(options, "idempotency-key");
    struct rm_complaint complaint;
    struct rm_answer answer;
    struct rm_buffer body;
    int exit_code;

    if (key != NULL && !is_key(key)) {
        return rm_client_fail("record", RM_EXIT_USAGE,
                              "--idempotency-key must be 1 to 128 visible ASCII characters");
    }
    rm_buffer_init(&body, BODY_MAX);
    if (write_body(&body, options, &complaint) != 0) {
        rm_buffer_done(&body);
        return rm_client_fail("record", RM_EXIT_USAGE, complaint.text);
    }
    exit_code =
        rm_remote_ask(remote, "record", "POST", "/metrics", rm_buffer_peek(&body), key, &answer);
    rm_buffer_done(&body);
    if (exit_code != RM_EXIT_OK) {
        return exit_code;
    }
    if (rm_options_has(options, "json")) {
        rm_answer_print(&answer);
    } else {
        print_message(&answer);
    }
    rm_answer_done(&answer);
    return RM_EXIT_OK;
}

int rm_cmd_record(int argc, char **argv)
{
    static const struct rm_client_command command = {
        "record", usage, table, sizeof table / sizeof table[0], 2, 2, run,
    };

    return rm_client_command_run(&command, argc, argv);
}
