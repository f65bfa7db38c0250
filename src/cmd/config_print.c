#include <inttypes.h>
#include <stdlib.h>

#include "columns.h"
#include "config_value.h"
#include "raftmetrics/cmd/config.h"

static char *shown(const struct rm_config *config, const struct rm_config_key *key)
{
    char *text = NULL;
    size_t len;
    FILE *stream = open_memstream(&text, &len);

    if (stream == NULL) {
        return NULL;
    }
    rm_config_show(stream, config, key);
    return fclose(stream) == 0 ? text : NULL;
}

void rm_config_print_table(FILE *out, const struct rm_config *config)
{
    struct rm_columns table;

    rm_columns_init(&table, 3, 0);
    rm_columns_add(&table, "KEY");
    rm_columns_add(&table, "VALUE");
    rm_columns_add(&table, "SOURCE");
    for (size_t i = 0; i < rm_config_n_keys; i++) {
        char *text;

        if ((rm_config_keys[i].daemons & config->daemon) == 0) {
            continue;
        }
        text = shown(config, &rm_config_keys[i]);
        rm_columns_add(&table, rm_config_keys[i].name);
        rm_columns_add(&table, text == NULL || *text == '\0' ? "-" : text);
        rm_columns_add(&table, config->sources[i].where);
        free(text);
    }
    rm_columns_print(out, &table);
    rm_columns_done(&table);
}

void rm_config_print_json(FILE *out, const struct rm_config *config)
{
    json_t *root = json_object();

    for (size_t i = 0; i < rm_config_n_keys; i++) {
        const struct rm_config_key *key = &rm_config_keys[i];

        if ((key->daemons & config->daemon) != 0) {
            json_object_set_new(root, key->name,
                                json_pack("{s:o, s:s}", "value", rm_config_to_json(config, key),
                                          "source", config->sources[i].where));
        }
    }
    json_dumpf(root, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(root);
}

static void print_type(FILE *out, const struct rm_config_key *key)
{
    if (key->type == RM_CONFIG_CHOICE) {
        for (size_t i = 0; key->choices[i] != NULL; i++) {
            fprintf(out, "%s`%s`", i == 0 ? "" : ", ", key->choices[i]);
        }
        return;
    }
    fputs(rm_config_type_name(key->type), out);
    if (key->type == RM_CONFIG_INT) {
        fprintf(out, " %" PRId64 "–%" PRId64, key->min, key->max);
    }
}

static void print_default(FILE *out, const struct rm_config_key *key)
{
    if (key->initial[0] == '\0') {
        fputs("–", out);
    } else if (key->initial_worker != NULL) {
        fprintf(out, "`%s` on control, `%s` on a worker", key->initial, key->initial_worker);
    } else {
        fprintf(out, "`%s`", key->initial);
    }
}

void rm_config_print_reference(FILE *out)
{
    fputs("| key | type | default | daemons | environment | flag | meaning |\n"
          "|---|---|---|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < rm_config_n_keys; i++) {
        const struct rm_config_key *key = &rm_config_keys[i];
        char variable[RM_CONFIG_NAME_MAX];
        char flag[RM_CONFIG_NAME_MAX];

        rm_config_environment_name(key, variable);
        rm_config_flag_name(key, flag);
        fprintf(out, "| `%s` | ", key->name);
        print_type(out, key);
        fputs(" | ", out);
        print_default(out, key);
        fprintf(out, " | %s | ",
                key->daemons == RM_CONFIG_BOTH ? "both"
                                               : rm_daemon_name((enum rm_daemon)key->daemons));
        if (rm_config_is_file_only(key)) {
            fputs("file only | file only", out);
        } else {
            fprintf(out, "`%s` | `--%s`", variable, flag);
        }
        fprintf(out, " | %s |\n", key->help);
    }
}
