/* SPDX-License-Identifier: Apache-2.0 */
/* One world from its seed to its end: clients, network, disk, time and node are stepped in an order
 * drawn from the seed, the node is killed and restarted in between, and at the end everything comes to
 * rest and what is there is counted. A violation ends the process.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "tests/sim/coverage.h"
#include "tests/sim/trace.h"

struct sim_result {
    uint64_t hash; /* of the whole trace */
    uint64_t messages, delivered, confirmed, dead_lettered;
    uint64_t lives;        /* starts */
    uint64_t disk_changes; /* operations of the disk that change something, */
    uint64_t disk_reads;   /* and that read */
    struct coverage coverage;
};

void sim_run(const struct sim_request *request, struct sim_result *result);

#endif
