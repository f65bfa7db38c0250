/* Lines that are shown again and again until Ctrl-C. */
#ifndef RAFTMETRICS_SRC_CMD_SCREEN_H
#define RAFTMETRICS_SRC_CMD_SCREEN_H

#include <stdbool.h>

#include "raftmetrics/base/slice.h"

/* From here on SIGINT ends the process with RM_EXIT_OK, whatever it waits for. @in_place: where
 * stdout is a terminal, each frame takes the place of the one before it. */
void rm_screen_start(bool in_place);

/* Shows whole lines on stdout; drawn in place, what the window has no room for is cut.
 * Errors: RM_EIO: nobody can read it any more. */
int rm_screen_show(struct rm_slice lines);

#endif
