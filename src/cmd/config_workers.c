#include <arpa/inet.h>
#include <stdlib.h>

#include "config_lists.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"
#include "raftmetrics/partitioning/shard_map.h"

enum { HOST_MAX = 253, WORKER_ID_MAX = 65535 };

#define SHOW(slice) (int)(slice).len, (slice).data

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

/* host:port, or [IPv6]:port. */
static bool is_address(struct rm_slice address)
{
    struct rm_slice host = address;
    int64_t port;

    while (host.len > 0 && host.data[host.len - 1] != ':') {
        host.len--;
    }
    if (host.len == 0 ||
        rm_int_parse(rm_slice_make(address.data + host.len, address.len - host.len), 1, UINT16_MAX,
                     &port) != 0) {
        return false;
    }
    host.len--;
    return is_host(host) || is_bracketed_ipv6(host);
}

static int check_new(const struct rm_worker_list *list, int64_t id, struct rm_slice address,
                     struct rm_complaint *reason)
{
    if (!is_address(address)) {
        return rm_complain(reason, RM_EINVAL, "\"%.*s\" is not host:port", SHOW(address));
    }
    if (id < 1 || id > WORKER_ID_MAX) {
        return rm_complain(reason, RM_EINVAL, "the id of \"%.*s\" is not between 1 and %d",
                           SHOW(address), WORKER_ID_MAX);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].id == id) {
            return rm_complain(reason, RM_EINVAL, "two workers have the id %u", list->items[i].id);
        }
        if (rm_slice_is(address, list->items[i].address)) {
            return rm_complain(reason, RM_EINVAL, "\"%.*s\" stands there twice", SHOW(address));
        }
    }
    if (list->n == RM_WORKERS_MAX) {
        return rm_complain(reason, RM_EINVAL, "more than %d workers", RM_WORKERS_MAX);
    }
    return 0;
}

static int add(struct rm_worker_list *list, int64_t id, struct rm_slice address,
               struct rm_complaint *reason)
{
    int error = check_new(list, id, address, reason);
    struct rm_worker_address *items;
    char *copy;

    if (error != 0) {
        return error;
    }
    items = realloc(list->items, (list->n + 1) * sizeof *items);
    if (items == NULL) {
        return rm_complain(reason, RM_ENOMEM, "out of memory");
    }
    list->items = items;
    copy = rm_slice_dup(address);
    if (copy == NULL) {
        return rm_complain(reason, RM_ENOMEM, "out of memory");
    }
    items[list->n++] = (struct rm_worker_address){(uint32_t)id, copy};
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

/* "host:port" or "2=host:port". */
static int add_text(struct rm_worker_list *list, struct rm_slice text, struct rm_complaint *reason)
{
    struct rm_slice address = text;
    struct rm_slice id_text;
    int64_t id = (int64_t)list->n + 1;

    if (text.len > 0 && memchr(text.data, '=', text.len) != NULL) {
        rm_slice_next(&address, '=', &id_text);
        if (rm_int_parse(id_text, 1, WORKER_ID_MAX, &id) != 0) {
            return rm_complain(reason, RM_EINVAL,
                               "the id of \"%.*s\" is not a number between 1 and %d", SHOW(text),
                               WORKER_ID_MAX);
        }
    }
    return add(list, id, address, reason);
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

    if (!json_is_integer(id) || !json_is_string(address) || json_object_size(object) != 2) {
        return rm_complain(reason, RM_EINVAL,
                           "an object in it must have an integer \"id\" and a text \"address\"");
    }
    return add(list, json_integer_value(id), rm_slice_of(json_string_value(address)), reason);
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
    }
    free(list->items);
    *list = (struct rm_worker_list){0};
}
