#include "http_request.h"

#include <stdlib.h>
#include <strings.h>

#include "gunzip.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/base/number.h"

/* What the walk over the header fields gathers. */
struct field_scan {
    unsigned n_fields;
    size_t n_bytes;
    bool is_bad;
    bool has_host;
    struct rm_slice content_length;
    struct rm_slice transfer_encoding;
    bool expects_continue;
    bool has_encoding;
    bool is_gzip;
};

/* Strips the scheme and authority that a request through a proxy carries. */
static const char *path_of_target(const char *target)
{
    static const char scheme[] = "http://";
    const char *path;

    if (strncasecmp(target, scheme, sizeof scheme - 1) != 0) {
        return target;
    }
    path = target + sizeof scheme - 1;
    path += strcspn(path, "/?");
    return *path == '\0' ? "/" : path;
}

struct rm_http_request *rm__request_new(const char *target)
{
    struct rm_http_request *request = calloc(1, sizeof *request);
    struct rm_slice rest;

    if (request == NULL) {
        return NULL;
    }
    request->target = strdup(path_of_target(target));
    if (request->target == NULL) {
        free(request);
        return NULL;
    }
    rest = rm_slice_of(request->target);
    rm_slice_next(&rest, '?', &request->path);
    request->query = rest;
    rm_buffer_init(&request->raw_body, 0);
    rm_buffer_init(&request->body, 0);
    return request;
}

void rm__request_free(struct rm_http_request *request)
{
    if (request->response != NULL) {
        MHD_destroy_response(request->response);
    }
    rm_buffer_done(&request->raw_body);
    rm_buffer_done(&request->body);
    free(request->target);
    free(request);
}

/* RFC 9110, section 5.6.2. */
static bool is_token(struct rm_slice text)
{
    static const char specials[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!is_alnum && (c == '\0' || strchr(specials, c) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_field_value(struct rm_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_digits(struct rm_slice text)
{
    return text.len > 0 && rm_slice_all_between(text, '0', '9');
}

/* A field that must stand once: a second one is refused, even if it says the same. */
static void scan_single(struct field_scan *scan, struct rm_slice *field, struct rm_slice value)
{
    if (field->data != NULL) {
        scan->is_bad = true;
    }
    *field = value;
}

static enum MHD_Result scan_field(void *data, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    struct field_scan *scan = data;
    struct rm_slice key = rm_slice_make(name, name_len);
    struct rm_slice text = rm_slice_make(value == NULL ? "" : value, value_len);

    (void)kind;
    scan->n_fields++;
    scan->n_bytes += name_len + value_len + sizeof ": \r\n" - 1;
    if (!is_token(key) || !is_field_value(text)) {
        scan->is_bad = true;
        return MHD_YES;
    }
    if (rm_slice_equal_nocase(key, rm_slice_of("Content-Length"))) {
        scan_single(scan, &scan->content_length, text);
    } else if (rm_slice_equal_nocase(key, rm_slice_of("Transfer-Encoding"))) {
        scan_single(scan, &scan->transfer_encoding, text);
    } else if (rm_slice_equal_nocase(key, rm_slice_of("Host"))) {
        scan->is_bad = scan->is_bad || scan->has_host;
        scan->has_host = true;
    } else if (rm_slice_equal_nocase(key, rm_slice_of("Expect"))) {
        scan->expects_continue = rm_slice_equal_nocase(text, rm_slice_of("100-continue"));
    } else if (rm_slice_equal_nocase(key, rm_slice_of("Content-Encoding"))) {
        /* The first counts, as for those who ask rm_http_request_header. */
        scan->is_gzip =
            scan->has_encoding ? scan->is_gzip : rm_slice_equal_nocase(text, rm_slice_of("gzip"));
        scan->has_encoding = true;
    }
    return MHD_YES;
}

/* A later minor version is answered as HTTP/1.1 (RFC 9110, section 2.5). */
static bool is_version(const char *version)
{
    static const char major[] = "HTTP/1.";

    return strncmp(version, major, sizeof major - 1) == 0 && strlen(version) == sizeof major &&
           version[sizeof major - 1] >= '0' && version[sizeof major - 1] <= '9';
}

/* One way, and one way only, to tell where the body ends. HTTP/1.0 has no transfer codings, so who
 * sends one there may stand behind a proxy that passed it on unread (RFC 9112, section 6.1). */
static bool is_body_framed(const struct field_scan *scan, const char *version)
{
    if (scan->transfer_encoding.data != NULL) {
        return scan->content_length.data == NULL && strcmp(version, MHD_HTTP_VERSION_1_0) != 0 &&
               rm_slice_equal_nocase(scan->transfer_encoding, rm_slice_of("chunked"));
    }
    return scan->content_length.data == NULL || is_digits(scan->content_length);
}

static bool is_target(const struct rm_http_request *request)
{
    return request->target[0] == '/' &&
           rm_slice_all_between(rm_slice_of(request->target), 0x21, 0x7e);
}

bool rm__request_check(struct rm_http_request *request, const char *version,
                       const struct rm__header_limits *limits, enum rm_http_fault *ret_fault)
{
    struct field_scan scan = {0};
    int64_t length = 0;

    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, scan_field, &scan);
    request->has_length = scan.content_length.data != NULL || scan.transfer_encoding.data != NULL;
    request->expects_continue = scan.expects_continue;
    request->is_gzip = scan.is_gzip;
    if (scan.is_bad || !is_body_framed(&scan, version)) {
        *ret_fault = RM_HTTP_BAD_FRAMING;
        return false;
    }
    if (scan.content_length.data != NULL &&
        rm_int_parse(scan.content_length, 0, INT64_MAX, &length) != 0) {
        length = INT64_MAX;
    }
    request->content_length = (uint64_t)length;
    request->has_body = scan.transfer_encoding.data != NULL || length > 0;
    if (scan.n_fields > limits->max_fields || scan.n_bytes > limits->max_bytes) {
        *ret_fault = RM_HTTP_HEADERS_TOO_LARGE;
        return false;
    }
    if (strlen(request->target) > limits->max_target_bytes) {
        *ret_fault = RM_HTTP_TARGET_TOO_LONG;
        return false;
    }
    if (!is_target(request)) {
        *ret_fault = RM_HTTP_BAD_FRAMING;
        return false;
    }
    if (!is_version(version)) {
        *ret_fault = RM_HTTP_BAD_VERSION;
        return false;
    }
    return true;
}

int rm__request_unpack(struct rm_http_request *request)
{
    if (!request->is_gzip || !request->has_body) {
        return 0;
    }
    return rm__gunzip(rm_buffer_peek(&request->raw_body), &request->body);
}

struct rm_slice rm_http_request_method(const struct rm_http_request *request)
{
    return request->method;
}

struct rm_slice rm_http_request_target(const struct rm_http_request *request)
{
    return rm_slice_of(request->target);
}

struct rm_slice rm_http_request_path(const struct rm_http_request *request)
{
    return request->path;
}

struct rm_slice rm_http_request_query(const struct rm_http_request *request)
{
    return request->query;
}

struct rm_slice rm_http_request_header(const struct rm_http_request *request, const char *name)
{
    const char *value = NULL;
    size_t len = 0;

    if (MHD_lookup_connection_value_n(request->mhd, MHD_HEADER_KIND, name, strlen(name), &value,
                                      &len) != MHD_YES ||
        value == NULL) {
        return (struct rm_slice){NULL, 0};
    }
    return rm_slice_make(value, len);
}

bool rm_http_request_has_body(const struct rm_http_request *request)
{
    return request->has_body;
}

bool rm_http_request_has_length(const struct rm_http_request *request)
{
    return request->has_length;
}

struct rm_slice rm_http_request_raw_body(const struct rm_http_request *request)
{
    return rm_buffer_peek(&request->raw_body);
}

struct rm_slice rm_http_request_body(const struct rm_http_request *request)
{
    return rm_buffer_peek(request->is_gzip ? &request->body : &request->raw_body);
}

void rm_http_request_set_context(struct rm_http_request *request, void *context)
{
    request->context = context;
}

void *rm_http_request_context(const struct rm_http_request *request)
{
    return request->context;
}
