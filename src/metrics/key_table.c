#include "raftmetrics/metrics/key_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raftmetrics/base/error.h"
#include "table.h"

/* What a key is found by. */
struct name {
    struct rm_slice scope;
    struct rm_slice key;
};

struct entry {
    struct entry *next; /* the one added after it */
    uint64_t hash;
    struct rm_request_hash request;
    int64_t expires_ms;
    struct name name; /* its bytes lie behind the struct */
};

struct rm_key_table {
    uint64_t hash_seed;
    struct rm_table entries; /* owned */
    struct entry *oldest;
    struct entry *newest;
};

struct rm_key_table *rm_key_table_new(uint64_t hash_seed)
{
    struct rm_key_table *table = calloc(1, sizeof *table);

    if (table != NULL) {
        table->hash_seed = hash_seed;
    }
    return table;
}

static void forget_oldest(struct rm_key_table *table)
{
    struct entry *entry = table->oldest;

    table->oldest = entry->next;
    if (table->oldest == NULL) {
        table->newest = NULL;
    }
    rm__table_remove(&table->entries, entry->hash, entry);
    free(entry);
}

void rm_key_table_free(struct rm_key_table *table)
{
    if (table == NULL) {
        return;
    }
    while (table->oldest != NULL) {
        forget_oldest(table);
    }
    rm__table_done(&table->entries);
    free(table);
}

void rm_key_table_expire(struct rm_key_table *table, int64_t now_ms)
{
    while (table->oldest != NULL && table->oldest->expires_ms <= now_ms) {
        forget_oldest(table);
    }
}

static bool entry_has_name(const void *item, const void *key)
{
    const struct entry *entry = item;
    const struct name *name = key;

    return rm_slice_equal(entry->name.scope, name->scope) &&
           rm_slice_equal(entry->name.key, name->key);
}

static uint64_t hash_name(const struct rm_key_table *table, const struct name *name)
{
    return rm__table_hash(name->key, rm__table_hash(name->scope, table->hash_seed));
}

int rm_key_table_check(const struct rm_key_table *table, struct rm_slice scope, struct rm_slice key,
                       struct rm_request_hash hash)
{
    const struct name name = {scope, key};
    const struct entry *entry =
        rm__table_find(&table->entries, hash_name(table, &name), entry_has_name, &name);

    if (entry == NULL) {
        return 0;
    }
    return entry->request.low == hash.low && entry->request.high == hash.high ? RM_EEXIST
                                                                              : RM_ECONFLICT;
}

static struct entry *entry_new(const struct name *name)
{
    struct entry *entry = malloc(sizeof *entry + name->scope.len + name->key.len);
    char *bytes;

    if (entry == NULL) {
        return NULL;
    }
    bytes = (char *)(entry + 1);
    *entry = (struct entry){
        .name = {{bytes, name->scope.len}, {bytes + name->scope.len, name->key.len}}};
    if (name->scope.len > 0) {
        memcpy(bytes, name->scope.data, name->scope.len);
    }
    if (name->key.len > 0) {
        memcpy(bytes + name->scope.len, name->key.data, name->key.len);
    }
    return entry;
}

static void append(struct rm_key_table *table, struct entry *entry)
{
    if (table->newest == NULL) {
        table->oldest = entry;
    } else {
        table->newest->next = entry;
    }
    table->newest = entry;
}

int rm_key_table_add(struct rm_key_table *table, struct rm_slice scope, struct rm_slice key,
                     struct rm_request_hash hash, int64_t expires_ms)
{
    const struct name name = {scope, key};
    struct entry *entry;
    int rv;

    assert(rm_key_table_check(table, scope, key, hash) == 0);
    entry = entry_new(&name);
    if (entry == NULL) {
        return RM_ENOMEM;
    }
    entry->hash = hash_name(table, &name);
    entry->request = hash;
    entry->expires_ms = expires_ms;
    rv = rm__table_add(&table->entries, entry->hash, entry);
    if (rv != 0) {
        free(entry);
        return rv;
    }
    append(table, entry);
    return 0;
}

size_t rm_key_table_count(const struct rm_key_table *table)
{
    return table->entries.n_items;
}
