/* Random numbers of the unit tests: splitmix64 (Steele, Lea and Flood 2014). The seed is printed,
 * and TEST_SEED=N repeats a run. */
#ifndef RAFTMETRICS_TESTS_UNIT_RANDOM_H
#define RAFTMETRICS_TESTS_UNIT_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct random {
    uint64_t state;
};

static inline struct random random_start(const char *test)
{
    const char *seed = getenv("TEST_SEED");
    struct random random = {seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL)};

    printf("%s: TEST_SEED=%" PRIu64 "\n", test, random.state);
    return random;
}

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to @n - 1. */
static inline uint64_t random_below(struct random *random, uint64_t n)
{
    return random_next(random) % n;
}

/* Any finite double, each exponent as likely as another. */
static inline double random_double(struct random *random)
{
    for (;;) {
        uint64_t bits = random_next(random);
        double value;

        if ((bits >> 52 & 0x7ff) != 0x7ff) {
            memcpy(&value, &bits, sizeof value);
            return value;
        }
    }
}

#endif
