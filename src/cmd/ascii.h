/* Bytes of names, without the locale. */
#ifndef RAFTMETRICS_SRC_CMD_ASCII_H
#define RAFTMETRICS_SRC_CMD_ASCII_H

static inline char rm_ascii_upper(char letter)
{
    if (letter >= 'a' && letter <= 'z') {
        return (char)(letter - 'a' + 'A');
    }
    return letter;
}

/* @byte, or @with where it is @what. */
static inline char rm_ascii_replace(char byte, char what, char with)
{
    if (byte == what) {
        return with;
    }
    return byte;
}

#endif
