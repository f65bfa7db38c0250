#include "increase.h"

static void go_on_to(struct rm_increase *increase, double value)
{
    if (!increase->has_values) {
        increase->has_values = true;
        increase->first = value;
    } else if (value < increase->last) {
        rm__sum_add(&increase->resets, increase->last);
    }
}

void rm__increase_add(struct rm_increase *increase, double value)
{
    go_on_to(increase, value);
    increase->last = value;
}

void rm__increase_append(struct rm_increase *increase, const struct rm_increase *next)
{
    if (!next->has_values) {
        return;
    }
    go_on_to(increase, next->first);
    rm__sum_merge(&increase->resets, &next->resets);
    increase->last = next->last;
}

struct rm_increase rm__increase_behind(const struct rm_increase *increase)
{
    return (struct rm_increase){
        .has_values = true, .first = increase->last, .last = increase->last};
}

void rm__increase_sum(const struct rm_increase *increase, struct rm_sum *sum)
{
    rm__sum_add(sum, increase->last);
    rm__sum_add(sum, -increase->first);
    rm__sum_merge(sum, &increase->resets);
}
