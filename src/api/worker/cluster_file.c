#include "cluster_file.h"

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "raftmetrics/base/durable_file.h"
#include "raftmetrics/base/error.h"

enum { FORMAT = 1, FILE_BYTES_MAX = 4 << 20, CHECKSUM_TEXT_MAX = 17, LIST_TEXT_MAX = 256 };

#define SHARD_PREFIX "shard-"

static int make_path(const struct rm__cluster_file *file, char ret_path[PATH_MAX])
{
    int len = snprintf(ret_path, PATH_MAX, "%s/cluster.json", file->data_dir);

    return len > 0 && len < PATH_MAX ? 0 : RM_EIO;
}

/* ---- writing ---- */

/* XXH3_64bits of the members but "checksum" itself, sorted by key and without white space. */
static int checksum_of(const json_t *root, char ret_text[CHECKSUM_TEXT_MAX])
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);

    if (text == NULL) {
        return RM_ENOMEM;
    }
    snprintf(ret_text, CHECKSUM_TEXT_MAX, "%016" PRIx64, (uint64_t)XXH3_64bits(text, strlen(text)));
    free(text);
    return 0;
}

/* Takes both; NULL when out of memory, for what is missing here would be forgotten. */
static json_t *append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *ids_to_json(const uint32_t *ids, uint32_t n_ids)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < n_ids; i++) {
        array = append(array, json_integer(ids[i]));
    }
    return array;
}

/* Only what differs from a replica that is new. */
static json_t *replicas_to_json(const struct rm__cluster_file *file)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < file->identity.n_shards; i++) {
        const struct rm__cluster_replica *replica = &file->replicas[i];

        if (replica->incarnation != 1 || replica->is_joining || replica->reason[0] != '\0' ||
            replica->rebuilding != 0) {
            array =
                append(array, json_pack("{s:I, s:I, s:b, s:s, s:b, s:I}", "shard", (json_int_t)i,
                                        "incarnation", (json_int_t)replica->incarnation, "joining",
                                        replica->is_joining, "damaged", replica->reason,
                                        "begins_alone", replica->begins_alone, "rebuilding",
                                        (json_int_t)replica->rebuilding));
        }
    }
    return array;
}

static json_t *to_json(const struct rm__cluster_file *file)
{
    const struct rm__cluster_identity *identity = &file->identity;
    char checksum[CHECKSUM_TEXT_MAX];
    json_t *root =
        json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:o, s:b, s:o, s:o}", "format", FORMAT, "cluster",
                  identity->name, "fingerprint", identity->fingerprint, "worker",
                  (json_int_t)identity->worker, "n_shards", (json_int_t)identity->n_shards,
                  "replicas", (json_int_t)identity->n_replicas, "workers",
                  ids_to_json(identity->workers, identity->n_workers), "formed", file->is_formed,
                  "met", ids_to_json(file->met, file->n_met), "shards", replicas_to_json(file));

    if (root == NULL || checksum_of(root, checksum) != 0 ||
        json_object_set_new(root, "checksum", json_string(checksum)) != 0) {
        json_decref(root);
        return NULL;
    }
    return root;
}

int rm__cluster_file_save(const struct rm__cluster_file *file)
{
    char path[PATH_MAX];
    json_t *root = to_json(file);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1));
    int rv = text == NULL ? RM_ENOMEM : make_path(file, path);

    if (rv == 0) {
        rv = rm_durable_file_write(path, text, strlen(text));
    }
    free(text);
    json_decref(root);
    return rv;
}

/* ---- reading ---- */

static int is_sound(json_t *root)
{
    char *said;
    char checksum[CHECKSUM_TEXT_MAX];
    const char *text = json_string_value(json_object_get(root, "checksum"));
    int rv;

    if (text == NULL) {
        return RM_ECORRUPT;
    }
    said = strdup(text);
    if (said == NULL) {
        return RM_ENOMEM;
    }
    json_object_del(root, "checksum");
    rv = checksum_of(root, checksum);
    if (rv == 0 && strcmp(said, checksum) != 0) {
        rv = RM_ECORRUPT;
    }
    free(said);
    return rv;
}

static int read_root(const char *path, json_t **ret_root)
{
    char *bytes = malloc(FILE_BYTES_MAX);
    json_t *root;
    size_t len;
    int rv = bytes == NULL ? RM_ENOMEM : rm_durable_file_read(path, bytes, FILE_BYTES_MAX, &len);

    if (rv != 0) {
        free(bytes);
        return rv == RM_ETOOBIG ? RM_ECORRUPT : rv;
    }
    root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    rv = root == NULL ? RM_ECORRUPT : is_sound(root);
    if (rv != 0) {
        json_decref(root);
        return rv;
    }
    *ret_root = root;
    return 0;
}

static bool read_ids(const json_t *array, uint32_t *ret_ids, uint32_t *ret_n_ids)
{
    size_t i;
    json_t *id;

    if (!json_is_array(array) || json_array_size(array) > RM_WORKERS_MAX) {
        return false;
    }
    json_array_foreach(array, i, id)
    {
        if (json_integer_value(id) < 1 || json_integer_value(id) > UINT32_MAX) {
            return false;
        }
        ret_ids[i] = (uint32_t)json_integer_value(id);
    }
    *ret_n_ids = (uint32_t)json_array_size(array);
    return true;
}

static bool read_replicas(struct rm__cluster_file *file, const json_t *array)
{
    size_t i;
    json_t *said;

    if (!json_is_array(array)) {
        return false;
    }
    json_array_foreach(array, i, said)
    {
        json_int_t shard;
        json_int_t incarnation;
        json_int_t rebuilding = 0;
        int is_joining;
        int begins_alone = false;
        const char *reason;

        if (json_unpack(said, "{s:I, s:I, s:b, s:s, s?b, s?I}", "shard", &shard, "incarnation",
                        &incarnation, "joining", &is_joining, "damaged", &reason, "begins_alone",
                        &begins_alone, "rebuilding", &rebuilding) != 0 ||
            shard < 0 || shard >= file->identity.n_shards || incarnation < 1 ||
            incarnation > UINT32_MAX || rebuilding < 0 || rebuilding > UINT32_MAX) {
            return false;
        }
        file->replicas[shard].incarnation = (uint32_t)incarnation;
        file->replicas[shard].is_joining = is_joining;
        file->replicas[shard].begins_alone = begins_alone;
        file->replicas[shard].rebuilding = (uint32_t)rebuilding;
        snprintf(file->replicas[shard].reason, RM__REASON_MAX, "%s", reason);
    }
    return true;
}

/* ---- what the file says against what is configured ---- */

static void format_ids(const uint32_t *ids, uint32_t n_ids, char ret_text[LIST_TEXT_MAX])
{
    size_t len = 0;

    ret_text[0] = '\0';
    for (uint32_t i = 0; i < n_ids && len < LIST_TEXT_MAX; i++) {
        len += (size_t)snprintf(ret_text + len, LIST_TEXT_MAX - len,
                                i == 0 ? "%" PRIu32 : ", %" PRIu32, ids[i]);
    }
}

struct said {
    json_int_t format;
    const char *name;
    const char *fingerprint;
    json_int_t worker;
    json_int_t n_shards;
    json_int_t n_replicas;
    int is_formed;
    json_t *workers;
    json_t *met;
    json_t *replicas;
};

static int refuse_map(const struct rm__cluster_file *file, const struct said *said,
                      char ret_sentence[RM__SENTENCE_MAX])
{
    uint32_t ids[RM_WORKERS_MAX];
    uint32_t n_ids = 0;
    char text[LIST_TEXT_MAX];

    (void)read_ids(said->workers, ids, &n_ids);
    format_ids(ids, n_ids, text);
    snprintf(ret_sentence, RM__SENTENCE_MAX,
             "the cluster of %s was begun with the workers %s and %" JSON_INTEGER_FORMAT
             " replicas of each shard, and the configuration says otherwise: set worker_hosts, "
             "node_ids and replicas back",
             file->data_dir, text, said->n_replicas);
    return RM_ECONFLICT;
}

static int compare(const struct rm__cluster_file *file, const struct said *said,
                   char ret_sentence[RM__SENTENCE_MAX])
{
    const struct rm__cluster_identity *identity = &file->identity;

    if (strcmp(said->name, identity->name) != 0) {
        snprintf(ret_sentence, RM__SENTENCE_MAX,
                 "%s holds data of the cluster \"%.80s\", and cluster_name is \"%.80s\": correct "
                 "cluster_name or data_dir",
                 file->data_dir, said->name, identity->name);
        return RM_ECONFLICT;
    }
    if (said->worker != identity->worker) {
        snprintf(ret_sentence, RM__SENTENCE_MAX,
                 "%s holds data of worker %" JSON_INTEGER_FORMAT ", and node_id is %" PRIu32
                 ": correct node_id or data_dir",
                 file->data_dir, said->worker, identity->worker);
        return RM_ECONFLICT;
    }
    if (said->n_shards != identity->n_shards) {
        snprintf(ret_sentence, RM__SENTENCE_MAX,
                 "the cluster of %s has %" JSON_INTEGER_FORMAT
                 " shards for all its life, and n_shards is %" PRIu32 ": set n_shards back",
                 file->data_dir, said->n_shards, identity->n_shards);
        return RM_ECONFLICT;
    }
    return strcmp(said->fingerprint, identity->fingerprint) == 0
               ? 0
               : refuse_map(file, said, ret_sentence);
}

static int take_root(struct rm__cluster_file *file, json_t *root,
                     char ret_sentence[RM__SENTENCE_MAX])
{
    struct said said;
    int rv;

    if (json_unpack(root, "{s:I}", "format", &said.format) != 0) {
        return RM_ECORRUPT;
    }
    if (said.format != FORMAT) {
        snprintf(ret_sentence, RM__SENTENCE_MAX,
                 "%s was written by another version, in format %" JSON_INTEGER_FORMAT
                 ": start this worker with that version",
                 file->data_dir, said.format);
        return RM_ECONFLICT;
    }
    if (json_unpack(root, "{s:s, s:s, s:I, s:I, s:I, s:b, s:o, s:o, s:o}", "cluster", &said.name,
                    "fingerprint", &said.fingerprint, "worker", &said.worker, "n_shards",
                    &said.n_shards, "replicas", &said.n_replicas, "formed", &said.is_formed,
                    "workers", &said.workers, "met", &said.met, "shards", &said.replicas) != 0) {
        return RM_ECORRUPT;
    }
    rv = compare(file, &said, ret_sentence);
    if (rv != 0) {
        return rv;
    }
    file->is_formed = said.is_formed;
    return read_ids(said.met, file->met, &file->n_met) && read_replicas(file, said.replicas)
               ? 0
               : RM_ECORRUPT;
}

static bool holds_shards(const char *data_dir)
{
    DIR *dir = opendir(data_dir);
    const struct dirent *entry;
    bool found = false;

    while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
        found = strncmp(entry->d_name, SHARD_PREFIX, sizeof SHARD_PREFIX - 1) == 0;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

static int begin(struct rm__cluster_file *file, char ret_sentence[RM__SENTENCE_MAX])
{
    int rv;

    if (holds_shards(file->data_dir)) {
        snprintf(ret_sentence, RM__SENTENCE_MAX,
                 "%s holds shards and no cluster.json, which says whose they are: put that file "
                 "back; or empty the directory, and this worker fills it from the others",
                 file->data_dir);
        return RM_ECORRUPT;
    }
    rv = rm__cluster_file_save(file);
    if (rv != 0) {
        snprintf(ret_sentence, RM__SENTENCE_MAX, "cannot write cluster.json into %s: %s",
                 file->data_dir, rm_strerror(rv));
    }
    return rv;
}

int rm__cluster_file_load(struct rm__cluster_file *file, char ret_sentence[RM__SENTENCE_MAX])
{
    char path[PATH_MAX];
    json_t *root;
    int rv = make_path(file, path);

    ret_sentence[0] = '\0';
    if (rv == 0) {
        rv = read_root(path, &root);
    }
    if (rv == RM_ENOTFOUND) {
        return begin(file, ret_sentence);
    }
    if (rv == 0) {
        rv = take_root(file, root, ret_sentence);
        json_decref(root);
    }
    if (rv == RM_ECORRUPT) {
        snprintf(ret_sentence, RM__SENTENCE_MAX,
                 "%s/cluster.json is damaged: put a sound copy of it back; or empty the "
                 "directory, and this worker fills it from the others",
                 file->data_dir);
    } else if (rv != 0 && ret_sentence[0] == '\0') {
        snprintf(ret_sentence, RM__SENTENCE_MAX, "cannot read %s/cluster.json: %s", file->data_dir,
                 rm_strerror(rv));
    }
    return rv;
}

/* ---- whom it met ---- */

bool rm__cluster_file_has_met(const struct rm__cluster_file *file, uint32_t worker)
{
    for (uint32_t i = 0; i < file->n_met; i++) {
        if (file->met[i] == worker) {
            return true;
        }
    }
    return false;
}

int rm__cluster_file_meet(struct rm__cluster_file *file, uint32_t worker)
{
    int rv;

    if (rm__cluster_file_has_met(file, worker)) {
        return 0;
    }
    if (file->n_met == RM_WORKERS_MAX) {
        return RM_EIO;
    }
    file->met[file->n_met++] = worker;
    rv = rm__cluster_file_save(file);
    if (rv != 0) {
        file->n_met--;
    }
    return rv;
}

/* ---- life ---- */

int rm__cluster_file_init(struct rm__cluster_file *file, const char *data_dir,
                          const struct rm__cluster_identity *identity)
{
    *file = (struct rm__cluster_file){.identity = *identity, .data_dir = data_dir};
    file->replicas = calloc(identity->n_shards, sizeof *file->replicas);
    if (file->replicas == NULL) {
        return RM_ENOMEM;
    }
    for (uint32_t i = 0; i < identity->n_shards; i++) {
        file->replicas[i].incarnation = 1;
    }
    return 0;
}

void rm__cluster_file_done(struct rm__cluster_file *file)
{
    free(file->replicas);
    *file = (struct rm__cluster_file){0};
}
