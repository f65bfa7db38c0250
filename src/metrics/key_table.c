#include "raftmetrics/metrics/key_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "image_bytes.h"
#include "raftmetrics/base/error.h"
#include "state_hash.h"
#include "table.h"

/* The image of a table: this header, and each key in the order in which they were added, with its
 * name: first the scope, then the key, then filled up to a multiple of 8 bytes. Little-endian. */
struct image_header {
    uint32_t version;
    uint32_t zero;
    uint64_t n_bytes; /* of the image */
    uint64_t n_keys;
    uint64_t state_hash; /* rm_key_table_hash */
};

struct image_key {
    struct rm_request_hash request;
    int64_t expires_ms;
    uint32_t n_scope_bytes;
    uint32_t n_key_bytes;
};

enum { IMAGE_VERSION = 1 };

static_assert(sizeof(struct image_header) == 32, "no gaps");
static_assert(sizeof(struct image_key) == 32, "no gaps");

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
    uint64_t state_hash; /* the sum of the entries' */
};

struct rm_key_table *rm_key_table_new(uint64_t hash_seed)
{
    struct rm_key_table *table = calloc(1, sizeof *table);

    if (table != NULL) {
        table->hash_seed = hash_seed;
    }
    return table;
}

static uint64_t state_hash_of(const struct entry *entry)
{
    struct rm_slice request = rm_slice_make(&entry->request, sizeof entry->request);
    struct rm_slice expires = rm_slice_make(&entry->expires_ms, sizeof entry->expires_ms);
    uint64_t hash = rm__state_hash_bytes(entry->name.scope, 0);

    hash = rm__state_hash_bytes(entry->name.key, hash);
    return rm__state_hash_bytes(expires, rm__state_hash_bytes(request, hash));
}

static void forget_oldest(struct rm_key_table *table)
{
    struct entry *entry = table->oldest;

    table->oldest = entry->next;
    if (table->oldest == NULL) {
        table->newest = NULL;
    }
    rm__table_remove(&table->entries, entry->hash, entry);
    table->state_hash -= state_hash_of(entry);
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
    table->state_hash += state_hash_of(entry);
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

uint64_t rm_key_table_hash(const struct rm_key_table *table)
{
    return table->state_hash;
}

static size_t image_bytes(const struct rm_key_table *table)
{
    size_t n_bytes = sizeof(struct image_header);

    for (const struct entry *entry = table->oldest; entry != NULL; entry = entry->next) {
        size_t n_name_bytes = entry->name.scope.len + entry->name.key.len;

        n_bytes += sizeof(struct image_key) + n_name_bytes + rm__image_padding(n_name_bytes);
    }
    return n_bytes;
}

static char *put_entry(char *to, const struct entry *entry)
{
    const struct image_key image = {.request = entry->request,
                                    .expires_ms = entry->expires_ms,
                                    .n_scope_bytes = (uint32_t)entry->name.scope.len,
                                    .n_key_bytes = (uint32_t)entry->name.key.len};

    to = rm__image_put(to, &image, sizeof image);
    /* An entry keeps the key behind the scope, too. */
    return rm__image_put(to, entry->name.scope.data, entry->name.scope.len + entry->name.key.len);
}

int rm_key_table_encode(const struct rm_key_table *table, struct rm_buffer *buffer)
{
    const struct image_header header = {.version = IMAGE_VERSION,
                                        .n_bytes = image_bytes(table),
                                        .n_keys = table->entries.n_items,
                                        .state_hash = table->state_hash};
    int rv = rm_buffer_reserve(buffer, header.n_bytes);
    char *to;

    if (rv != 0) {
        return rv;
    }
    to = rm__image_put(buffer->data + buffer->len, &header, sizeof header);
    for (const struct entry *entry = table->oldest; entry != NULL; entry = entry->next) {
        to = put_entry(to, entry);
    }
    buffer->len += header.n_bytes;
    assert(to == buffer->data + buffer->len);
    return 0;
}

/* Errors: RM_ECORRUPT, RM_ENOMEM. */
static int decode_entry(struct rm_key_table *table, struct rm_slice *rest)
{
    const struct image_key *image = rm__image_take(rest, 1, sizeof *image);
    struct rm_slice name;
    struct rm_slice scope;
    struct rm_slice key;

    if (image == NULL ||
        !rm__image_take_bytes(rest, (size_t)image->n_scope_bytes + image->n_key_bytes, &name)) {
        return RM_ECORRUPT;
    }
    scope = rm_slice_make(name.data, image->n_scope_bytes);
    key = rm_slice_make(name.data + scope.len, image->n_key_bytes);
    if (rm_key_table_check(table, scope, key, image->request) != 0) {
        return RM_ECORRUPT;
    }
    return rm_key_table_add(table, scope, key, image->request, image->expires_ms);
}

/* All entries of @image into @table. Errors: RM_ECORRUPT, RM_ENOMEM. */
static int decode_entries(struct rm_key_table *table, const struct image_header *header)
{
    struct rm_slice rest = rm_slice_make(header + 1, header->n_bytes - sizeof *header);

    for (uint64_t i = 0; i < header->n_keys; i++) {
        int rv = decode_entry(table, &rest);

        if (rv != 0) {
            return rv;
        }
    }
    return rest.len == 0 && table->state_hash == header->state_hash ? 0 : RM_ECORRUPT;
}

int rm_key_table_decode(struct rm_slice *bytes, uint64_t hash_seed, struct rm_key_table **ret_table)
{
    struct rm_slice rest = *bytes;
    const struct image_header *header = rm__image_take(&rest, 1, sizeof *header);
    struct rm_key_table *table;
    int rv;

    assert((uintptr_t)bytes->data % 8 == 0);
    if (header == NULL || header->version != IMAGE_VERSION || header->zero != 0 ||
        header->n_bytes < sizeof *header || header->n_bytes > bytes->len ||
        header->n_bytes % 8 != 0) {
        return RM_ECORRUPT;
    }
    table = rm_key_table_new(hash_seed);
    if (table == NULL) {
        return RM_ENOMEM;
    }
    rv = decode_entries(table, header);
    if (rv != 0) {
        rm_key_table_free(table);
        return rv;
    }
    *bytes = rm_slice_make(bytes->data + header->n_bytes, bytes->len - header->n_bytes);
    *ret_table = table;
    return 0;
}

size_t rm_key_table_count(const struct rm_key_table *table)
{
    return table->entries.n_items;
}
