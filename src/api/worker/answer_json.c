#include "answer_json.h"

#include <math.h>

#include "answer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"

void rm__answer_begin(struct rm__exchange *exchange, struct rm_json_writer *json,
                      struct rm_buffer *body)
{
    rm_buffer_init(body, RM__ANSWER_BYTES_MAX);
    rm_json_init(json, body);
    rm_json_object_begin(json);
    rm_json_member_text(json, "metric_name", rm__exchange_name(exchange));
}

void rm__answer_end(struct rm__exchange *exchange, const struct rm__read_query *query,
                    struct rm_json_writer *json, struct rm_buffer *body)
{
    rm_json_key(json, "timestamp");
    rm_json_timestamp(json, query->now_ms);
    rm_json_object_end(json);
    rm__reply_written(exchange, 200, json, body);
}

void rm__answer_failure(struct rm__exchange *exchange, int error)
{
    if (error == RM_ENOTFOUND) {
        rm__reply_error(exchange, RM__UNKNOWN_METRIC, "No metric named %.*s has any values",
                        (int)exchange->name.len, exchange->name.text);
    } else if (error == RM_ECANCELED) {
        rm__reply_error(exchange, RM__NO_LEADER, "The shard's leader was lost; try again");
    } else {
        rm__reply_error(exchange, RM__OVERLOADED,
                        "Out of memory for this answer; ask for less (limit, from, to)");
    }
}

void rm__answer_number(struct rm_json_writer *json, const struct rm__read_query *query,
                       double value)
{
    if (query->decimals >= 0 && isfinite(value)) {
        value = rm_double_round(value, query->decimals);
    }
    rm_json_double(json, value);
}

void rm__answer_labels(struct rm_json_writer *json, const struct rm_label *labels, size_t n_labels)
{
    rm_json_key(json, "labels");
    rm_json_object_begin(json);
    for (size_t i = 0; i < n_labels; i++) {
        rm_json_key_slice(json, labels[i].name);
        rm_json_text(json, labels[i].value);
    }
    rm_json_object_end(json);
}
