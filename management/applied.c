/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for policies. */
#include "management/applied.h"

#include "base/mem.h"
#include "broker/policy.h"

struct wait {
    uint64_t change; /* that is to be applied */
    int status;
};

/* Helps with it meanwhile: the broker's own turns may be few. */
static bool wait(struct call *call, void *state)
{
    const struct wait *wait = state;
    struct policies *policies = call->broker->policies;

    call_spend(call, MANAGEMENT_WORK);
    if (!policies_applied(policies, wait->change))
        policies_apply(policies);
    if (!policies_applied(policies, wait->change))
        return false;
    call_empty(call, wait->status);
    return true;
}

void applied_answer(struct call *call, int status)
{
    static const struct call_task task = {.run = wait, .free = mem_free};
    struct wait *wait = MEM_NEW(struct wait);

    *wait = (struct wait){
        .change = policies_latest(call->broker->policies),
        .status = status,
    };
    call_set_task(call, &task, wait);
}
