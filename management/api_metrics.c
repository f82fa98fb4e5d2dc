/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics: for Prometheus. */
#include "management/call.h"
#include "management/metrics.h"

void metrics_get(struct call *call)
{
    metrics_answer(call, call->management->metrics_of_objects ? METRICS_OBJECTS : METRICS_SUMS);
}

void metrics_objects_get(struct call *call)
{
    metrics_answer(call, METRICS_OBJECTS);
}

void metrics_detailed_get(struct call *call)
{
    metrics_answer(call, METRICS_CHOSEN);
}
