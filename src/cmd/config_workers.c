#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>

#include "config_lists.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/cmd/config.h"
#include "raftmetrics/partitioning/shard_map.h"

enum {
    HOST_MAX = 253,
    WORKER_ID_MAX = 65535,
};

#define SHOW(slice) (int)(slice).len, (slice).data

/* A worker that is being added. */
struct entry {
    struct rm_slice text;    /* as it was given */
    struct rm_slice address; /* host:port */
    struct rm_slice host;
    int64_t id;
    int64_t port;
    int64_t peer_port; /* 0: not given */
};

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool is_host(struct rm_slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (!is_host_char(host.data[i])) {
            return false;
        }
    }
    return host.len > 0 && host.len <= HOST_MAX;
}

static bool is_bracketed_ipv6(struct rm_slice host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (host.len < 4 || host.data[0] != '[' || host.data[host.len - 1] != ']' ||
        host.len - 2 >= sizeof text) {
        return false;
    }
    memcpy(text, host.data + 1, host.len - 2);
    text[host.len - 2] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* Splits host:port or [IPv6]:port. */
static bool split_address(struct rm_slice address, struct rm_slice *ret_host, int64_t *ret_port)
{
    struct rm_slice host = address;

    while (host.len > 0 && host.data[host.len - 1] != ':') {
        host.len--;
    }
    if (host.len == 0 ||
        rm_int_parse(rm_slice_make(address.data + host.len, address.len - host.len), 1, UINT16_MAX,
                     ret_port) != 0) {
        return false;
    }
    host.len--;
    *ret_host = host;
    return is_host(host) || is_bracketed_ipv6(host);
}

/* Sets host, port and, where none was given, peer_port. */
static int complete(struct entry *entry, struct rm_complaint *reason)
{
    if (!split_address(entry->address, &entry->host, &entry->port)) {
        return rm_complain(reason, RM_EINVAL, "\"%.*s\" is not host:port or host:port/peer_port",
                           SHOW(entry->text));
    }
    if (entry->id < 1 || entry->id > WORKER_ID_MAX) {
        return rm_complain(reason, RM_EINVAL, "the id of \"%.*s\" is not between 1 and %d",
                           SHOW(entry->text), WORKER_ID_MAX);
    }
    if (entry->peer_port == 0) {
        entry->peer_port = entry->port + RM_PEER_PORT_DISTANCE;
    }
    if (entry->peer_port > UINT16_MAX) {
        return rm_complain(reason, RM_EINVAL,
                           "\"%.*s\" needs a peer port, for %" PRId64 " + %d is none: "
                           "%.*s/PEER_PORT",
                           SHOW(entry->text), entry->port, RM_PEER_PORT_DISTANCE,
                           SHOW(entry->address));
    }
    if (entry->peer_port == entry->port) {
        return rm_complain(reason, RM_EINVAL, "the peer port of \"%.*s\" is its HTTP port",
                           SHOW(entry->text));
    }
    return 0;
}

static int check_pair(const struct entry *entry, const struct rm_worker_address *other,
                      struct rm_complaint *reason)
{
    struct rm_slice host;
    int64_t port;

    if (other->id == entry->id) {
        return rm_complain(reason, RM_EINVAL, "two workers have the id %u", other->id);
    }
    if (!split_address(rm_slice_of(other->address), &host, &port) ||
        !rm_slice_equal(host, entry->host)) {
        return 0;
    }
    if (port == entry->port) {
        return rm_complain(reason, RM_EINVAL, "\"%.*s\" stands there twice", SHOW(entry->address));
    }
    if (entry->peer_port == port || entry->peer_port == other->peer_port ||
        entry->port == other->peer_port) {
        return rm_complain(
            reason, RM_EINVAL, "\"%s/%u\" and \"%.*s/%" PRId64 "\" have a port in common",
            other->address, other->peer_port, SHOW(entry->address), entry->peer_port);
    }
    return 0;
}

static int check_new(const struct rm_worker_list *list, struct entry *entry,
                     struct rm_complaint *reason)
{
    int error = complete(entry, reason);

    for (size_t i = 0; error == 0 && i < list->n; i++) {
        error = check_pair(entry, &list->items[i], reason);
    }
    if (error == 0 && list->n == RM_WORKERS_MAX) {
        error = rm_complain(reason, RM_EINVAL, "more than %d workers", RM_WORKERS_MAX);
    }
    return error;
}

static struct rm_slice without_brackets(struct rm_slice host)
{
    return host.data[0] == '[' ? rm_slice_make(host.data + 1, host.len - 2) : host;
}

static int add(struct rm_worker_list *list, struct entry *entry, struct rm_complaint *reason)
{
    int error = check_new(list, entry, reason);
    struct rm_worker_address *items;
    char *address;
    char *host;

    if (error != 0) {
        return error;
    }
    items = realloc(list->items, (list->n + 1) * sizeof *items);
    if (items == NULL) {
        return rm_complain(reason, RM_ENOMEM, "out of memory");
    }
    list->items = items;
    address = rm_slice_dup(entry->address);
    host = rm_slice_dup(without_brackets(entry->host));
    if (address == NULL || host == NULL) {
        free(address);
        free(host);
        return rm_complain(reason, RM_ENOMEM, "out of memory");
    }
    items[list->n++] = (struct rm_worker_address){
        .id = (uint32_t)entry->id,
        .address = address,
        .host = host,
        .peer_port = (uint16_t)entry->peer_port,
    };
    return 0;
}

static struct rm_slice trim(struct rm_slice text)
{
    while (text.len > 0 && text.data[0] == ' ') {
        text = rm_slice_make(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && text.data[text.len - 1] == ' ') {
        text.len--;
    }
    return text;
}

/* host:port or 2=host:port, either with /peer_port behind it. */
static int add_text(struct rm_worker_list *list, struct rm_slice text, struct rm_complaint *reason)
{
    struct entry entry = {.text = text, .address = text, .id = (int64_t)list->n + 1};
    struct rm_slice rest = text;

    if (text.len > 0 && memchr(text.data, '=', text.len) != NULL) {
        rm_slice_next(&rest, '=', &entry.address);
        if (rm_int_parse(entry.address, 1, WORKER_ID_MAX, &entry.id) != 0) {
            return rm_complain(reason, RM_EINVAL,
                               "the id of \"%.*s\" is not a number between 1 and %d", SHOW(text),
                               WORKER_ID_MAX);
        }
        entry.address = rest;
    }
    if (rest.len > 0 && memchr(rest.data, '/', rest.len) != NULL) {
        rm_slice_next(&rest, '/', &entry.address);
        if (rm_int_parse(rest, 1, UINT16_MAX, &entry.peer_port) != 0) {
            return rm_complain(reason, RM_EINVAL,
                               "\"%.*s\" is not host:port or host:port/peer_port", SHOW(text));
        }
    }
    return add(list, &entry, reason);
}

static int parse_into(struct rm_worker_list *list, struct rm_slice text,
                      struct rm_complaint *reason)
{
    struct rm_slice item;
    int error = 0;

    if (trim(text).len == 0) {
        return rm_complain(reason, RM_EINVAL, "no worker is named");
    }
    while (error == 0 && rm_slice_next(&text, ',', &item)) {
        error = add_text(list, trim(item), reason);
    }
    return error;
}

int rm_worker_list_parse(struct rm_slice text, struct rm_worker_list *ret_list,
                         struct rm_complaint *reason)
{
    struct rm_worker_list list = {0};
    int error = parse_into(&list, text, reason);

    if (error != 0) {
        rm_worker_list_done(&list);
        return error;
    }
    *ret_list = list;
    return 0;
}

static int add_object(struct rm_worker_list *list, json_t *object, struct rm_complaint *reason)
{
    json_t *id = json_object_get(object, "id");
    json_t *address = json_object_get(object, "address");
    json_t *peer_port = json_object_get(object, "peer_port");
    struct entry entry = {.id = json_integer_value(id), .peer_port = json_integer_value(peer_port)};

    if (!json_is_integer(id) || !json_is_string(address) ||
        json_object_size(object) != (peer_port == NULL ? 2 : 3)) {
        return rm_complain(reason, RM_EINVAL,
                           "an object in it must have an integer \"id\" and a text \"address\", "
                           "and may have a \"peer_port\"");
    }
    if (peer_port != NULL && (entry.peer_port < 1 || entry.peer_port > UINT16_MAX)) {
        return rm_complain(reason, RM_EINVAL, "the peer_port of \"%s\" is not between 1 and %d",
                           json_string_value(address), UINT16_MAX);
    }
    entry.text = rm_slice_of(json_string_value(address));
    entry.address = entry.text;
    return add(list, &entry, reason);
}

static int array_into(struct rm_worker_list *list, const json_t *array, struct rm_complaint *reason)
{
    size_t i;
    json_t *item;

    if (json_array_size(array) == 0) {
        return rm_complain(reason, RM_EINVAL, "no worker is named");
    }
    json_array_foreach(array, i, item)
    {
        int error;

        if (json_is_string(item)) {
            error = add_text(list, rm_slice_of(json_string_value(item)), reason);
        } else if (json_is_object(item)) {
            error = add_object(list, item, reason);
        } else {
            error = rm_complain(reason, RM_EINVAL, "its items must be texts or objects");
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int rm_worker_list_from_json(const json_t *value, struct rm_worker_list *ret_list,
                             struct rm_complaint *reason)
{
    struct rm_worker_list list = {0};
    int error;

    if (json_is_string(value)) {
        error = parse_into(&list, rm_slice_of(json_string_value(value)), reason);
    } else if (json_is_array(value)) {
        error = array_into(&list, value, reason);
    } else {
        error = rm_complain(reason, RM_EINVAL, "must be an array or a text");
    }
    if (error != 0) {
        rm_worker_list_done(&list);
        return error;
    }
    *ret_list = list;
    return 0;
}

void rm_worker_list_done(struct rm_worker_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free((char *)(uintptr_t)list->items[i].address);
        free((char *)(uintptr_t)list->items[i].host);
    }
    free(list->items);
    *list = (struct rm_worker_list){0};
}
