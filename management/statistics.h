/* SPDX-License-Identifier: Apache-2.0 */
/* What a query wants of statistics: samples in a range that makes sense, or (`disable_stats=true`) none
 * at all.
 *
 * (1) Without statistics a row has the columns that describe its object, so no counter, rate or sample is
 *     worked out.
 */
#ifndef MANAGEMENT_STATISTICS_H
#define MANAGEMENT_STATISTICS_H

#include "management/call.h"

/* False after answering 400: a range is impossible, or there is nothing but statistics to see. */
bool statistics_check(struct call *call);
/* The query's `columns`, else those that remain without statistics; NULL: all. On the heap. */
char *statistics_columns(const struct call *call) MUST_USE;

#endif
