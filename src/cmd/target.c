#include "target.h"

#include <string.h>

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int rm_target_append(struct rm_buffer *target, const char *text)
{
    return rm_buffer_append_text(target, text);
}

int rm_target_append_segment(struct rm_buffer *target, const char *segment)
{
    int error = 0;

    for (; error == 0 && *segment != '\0'; segment++) {
        if (is_unreserved(*segment)) {
            error = rm_buffer_append_byte(target, *segment);
        } else {
            error = rm_buffer_printf(target, "%%%02X", (unsigned char)*segment);
        }
    }
    return error;
}

int rm_target_append_parameter(struct rm_buffer *target, const char *name, const char *value)
{
    bool is_first = target->len == 0 || memchr(target->data, '?', target->len) == NULL;
    int error = rm_buffer_append_byte(target, is_first ? '?' : '&');

    if (error == 0) {
        error = rm_target_append_segment(target, name);
    }
    if (error == 0) {
        error = rm_buffer_append_byte(target, '=');
    }
    return error == 0 ? rm_target_append_segment(target, value) : error;
}

int rm_target_append_options(struct rm_buffer *target, const struct rm_options *options,
                             const char *const *names)
{
    int error = 0;

    for (; *names != NULL; names++) {
        for (size_t i = 0; error == 0 && i < options->n_given; i++) {
            const struct rm_given_option *given = &options->given[i];

            if (strcmp(given->option->name, *names) == 0) {
                error = rm_target_append_parameter(target, *names,
                                                   given->value == NULL ? "true" : given->value);
            }
        }
    }
    return error;
}

int rm_target_finish(struct rm_buffer *target, const char **ret_text)
{
    int error = rm_buffer_append_byte(target, '\0');

    if (error == 0) {
        target->len--;
        *ret_text = target->data;
    }
    return error;
}
