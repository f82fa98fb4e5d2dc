/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that wait until a change of policies has come to all objects. */
#ifndef MANAGEMENT_APPLIED_H
#define MANAGEMENT_APPLIED_H

#include "management/call.h"

/* The handler's last deed after it has set or cleared a policy: the status, without a body, as soon as
 * that is applied everywhere. */
void applied_answer(struct call *call, int status);

#endif
