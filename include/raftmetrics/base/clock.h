/* The two clocks. Pure layers take times as arguments and never call these. */
#ifndef RAFTMETRICS_BASE_CLOCK_H
#define RAFTMETRICS_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since the epoch, UTC; may jump. */
int64_t rm_clock_wall_ms(void);

/* Milliseconds of a clock that never goes back; its zero means nothing. */
uint64_t rm_clock_mono_ms(void);

/* The same clock in microseconds. */
uint64_t rm_clock_mono_us(void);

#endif
