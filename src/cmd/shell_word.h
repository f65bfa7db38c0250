/* Texts that a person pastes into a shell. */
#ifndef RAFTMETRICS_SRC_CMD_SHELL_WORD_H
#define RAFTMETRICS_SRC_CMD_SHELL_WORD_H

#include <stdio.h>

/* @text as one word of a POSIX shell, in single quotes where it needs them. */
void rm_shell_word_print(FILE *out, const char *text);

#endif
