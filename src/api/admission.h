/* What the header section alone decides, in the contract's order: who asks, for what, whether he
 * may, and whether a body of that kind and size is taken. */
#ifndef RAFTMETRICS_SRC_API_ADMISSION_H
#define RAFTMETRICS_SRC_API_ADMISSION_H

#include "exchange.h"

/* Fills in the exchange's token, route and name and says how large the body may be; or answers.
 * @path: the request's, without the prefix of the cluster's own paths. */
void rm__admission_check(struct rm__exchange *exchange, const struct rm_api_options *options,
                         struct rm_slice path);

#endif
