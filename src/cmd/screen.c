#include "screen.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "raftmetrics/base/buffer.h"
#include "raftmetrics/base/error.h"
#include "raftmetrics/cmd/options.h"

/* Long lines are cut, not wrapped, while a frame is drawn: else it would scroll. */
#define HOME "\033[H"
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"
#define CLEAR_TO_END_OF_LINE "\033[K"
#define CLEAR_TO_END_OF_SCREEN "\033[J"

enum { ROWS_DEFAULT = 24, FRAME_BYTES_MAX = 64 << 20 };

/* Draws on a terminal. Global, for the signal handler is handed nothing. */
static volatile sig_atomic_t is_in_place;

static void on_interrupt(int signum)
{
    (void)signum;
    /* The frame that is being drawn may lack its end. */
    if (is_in_place && write(STDOUT_FILENO, WRAP, sizeof WRAP - 1) < 0) {
        _exit(RM_EXIT_FAILED);
    }
    _exit(RM_EXIT_OK);
}

void rm_screen_start(bool in_place)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    is_in_place = in_place && isatty(STDOUT_FILENO) == 1;
    sigaction(SIGINT, &action, NULL);
}

static size_t n_rows(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row
                                                                           : ROWS_DEFAULT;
}

/* The last row stays free for the cursor. */
static int append_frame(struct rm_buffer *frame, struct rm_slice lines)
{
    size_t n_left = n_rows() - 1;
    struct rm_slice line;
    int error = rm_buffer_append_text(frame, HOME NO_WRAP);

    while (error == 0 && lines.len > 0 && n_left-- > 0) {
        rm_slice_next(&lines, '\n', &line);
        if (n_left == 0 && lines.len > 0) {
            line = rm_slice_of("… the window is too small for the rest");
        }
        error = rm_buffer_append_text(frame, CLEAR_TO_END_OF_LINE);
        if (error == 0) {
            error = rm_buffer_append_slice(frame, line);
        }
        if (error == 0) {
            error = rm_buffer_append_byte(frame, '\n');
        }
    }
    return error != 0 ? error : rm_buffer_append_text(frame, WRAP CLEAR_TO_END_OF_SCREEN);
}

int rm_screen_show(struct rm_slice lines)
{
    struct rm_buffer frame;
    struct rm_slice shown = lines;
    bool was_written;

    rm_buffer_init(&frame, FRAME_BYTES_MAX);
    if (is_in_place && append_frame(&frame, lines) == 0) {
        shown = rm_buffer_peek(&frame);
    }
    was_written = fwrite(shown.data, 1, shown.len, stdout) == shown.len && fflush(stdout) == 0;
    rm_buffer_done(&frame);
    return was_written ? 0 : RM_EIO;
}
