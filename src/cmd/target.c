#include "target.h"

#include <string.h>

#include "ascii.h"

enum { PARAMETER_MAX = 64 };

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

/* The name of a parameter is the option's, with underscores. */
static int append_option(struct rm_buffer *target, const struct rm_given_option *given)
{
    char name[PARAMETER_MAX] = {0};

    for (size_t i = 0; i < sizeof name - 1 && given->option->name[i] != '\0'; i++) {
        name[i] = rm_ascii_replace(given->option->name[i], '-', '_');
    }
    return rm_target_append_parameter(target, name, given->value == NULL ? "true" : given->value);
}

int rm_target_append_options(struct rm_buffer *target, const struct rm_options *options,
                             const char *const *names)
{
    int error = 0;

    for (; *names != NULL; names++) {
        for (size_t i = 0; error == 0 && i < options->n_given; i++) {
            const struct rm_given_option *given = &options->given[i];

            if (strcmp(given->option->name, *names) == 0) {
                error = append_option(target, given);
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
