#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "raftmetrics/base/clock.h"

enum { BAR_WIDTH = 30, DRAW_EVERY_MS = 100 };

void rm_progress_start(struct rm_progress *progress, uint64_t total, uint64_t n_before)
{
    *progress = (struct rm_progress){
        .is_shown = isatty(STDERR_FILENO) == 1,
        .total = total > 0 ? total : 1,
        .n_start = n_before,
        .start_ms = rm_clock_mono_ms(),
    };
}

void rm_progress_show(struct rm_progress *progress, uint64_t done, uint64_t n_values)
{
    static const char bar[] = "##############################";
    uint64_t now_ms = rm_clock_mono_ms();
    uint64_t elapsed_ms = now_ms - progress->start_ms;
    double share = (double)done / (double)progress->total;
    double rate =
        (double)(n_values - progress->n_start) * 1000.0 / (double)(elapsed_ms > 0 ? elapsed_ms : 1);

    if (!progress->is_shown || now_ms - progress->drawn_ms < DRAW_EVERY_MS) {
        return;
    }
    progress->drawn_ms = now_ms;
    fprintf(stderr, "\r[%-*.*s] %3d%%  %" PRIu64 " values  %.0f/s \033[K", BAR_WIDTH,
            (int)(share * BAR_WIDTH), bar, (int)(share * 100), n_values, rate);
    fflush(stderr);
}

void rm_progress_clear(struct rm_progress *progress)
{
    if (progress->is_shown && progress->drawn_ms != 0) {
        fputs("\r\033[K", stderr);
    }
}
