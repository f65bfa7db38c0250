/* GET /metrics/{name}/series. */
#include <stdlib.h>

#include "answer.h"
#include "answer_json.h"
#include "raftmetrics/base/error.h"

static void write_series(struct rm_json_writer *json, const struct rm_series_info *infos, size_t n)
{
    rm_json_key(json, "series");
    rm_json_array_begin(json);
    for (size_t i = 0; i < n; i++) {
        rm_json_object_begin(json);
        rm__answer_labels(json, infos[i].labels, infos[i].n_labels);
        rm_json_member_uint(json, "count", infos[i].n_samples);
        rm_json_member_double(json, "last", infos[i].last);
        rm_json_object_end(json);
    }
    rm_json_array_end(json);
}

void rm__answer_series(struct rm__exchange *exchange, struct rm_store *store,
                       const struct rm__read_query *query)
{
    struct rm_series_info *infos = malloc(query->limit * sizeof *infos);
    struct rm_json_writer json;
    struct rm_buffer body;
    uint64_t next;
    size_t n = 0;
    int rv = infos == NULL
                 ? RM_ENOMEM
                 : rm_store_list_series(store, query->selection.metric_name, query->after_series,
                                        query->limit, infos, &n, &next);

    if (rv != 0) {
        free(infos);
        rm__answer_failure(exchange, rv);
        return;
    }
    rm__answer_begin(exchange, &json, &body);
    write_series(&json, infos, n);
    rm_json_key(&json, "next");
    if (next != 0) {
        char cursor[RM__CURSOR_TEXT_MAX];

        rm__series_cursor_format(next, cursor);
        rm_json_text(&json, rm_slice_of(cursor));
    } else {
        rm_json_null(&json);
    }
    rm__answer_end(exchange, query, &json, &body);
    free(infos);
}
