/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics: for Prometheus. */
#include "management/call.h"
#include "management/metrics.h"

static void answer(struct call *call, enum metrics_form form)
{
    CHECK(!call->answered);
    call->answered = true;
    call->response->status = 200;
    call->response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&call->response->body, call, form);
}

void metrics_get(struct call *call)
{
    answer(call, call->management->metrics_of_objects ? METRICS_OBJECTS : METRICS_SUMS);
}

void metrics_objects_get(struct call *call)
{
    answer(call, METRICS_OBJECTS);
}

void metrics_detailed_get(struct call *call)
{
    answer(call, METRICS_CHOSEN);
}
