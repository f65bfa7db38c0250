/* The powers of ten that a double holds exactly. A double below 2^53 without a fraction, multiplied
 * or divided by one of them, is rounded once: it is what the decimal reads as. That needs
 * arithmetic without excess precision. */
#ifndef RAFTMETRICS_BASE_POWER_OF_TEN_H
#define RAFTMETRICS_BASE_POWER_OF_TEN_H

#include <float.h>

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are rounded after each operation");

enum { RM__POWER_OF_TEN_MAX = 22 };

extern const double rm__power_of_ten[RM__POWER_OF_TEN_MAX + 1];

#endif
