/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's command line.
 *
 *   sim --seeds N        runs the seeds 1 … N (or S … S+N-1 with --first S)
 *   sim --seed S         replays one;  --trace prints what happens as it happens
 *   sim --power --seeds N  runs each seed once for every operation with which it changes the disk, and
 *                        cuts the power there; --every K takes each K-th of them only
 *   sim --fault --seeds N  likewise, and the disk fails there: once, or until it is mended
 *   sim --read --seeds N  likewise with every operation that reads
 *   sim --power --seed S --at I  replays one of those
 *   --crowd              worlds of a thousand clients and more
 *   --steps N            length of a run
 *   --coverage           says at the end what the worlds have met
 *   --keep-going         each seed in a process of its own; goes on after a failure
 *   --twice              runs every eighth seed a second time: the traces' hashes must agree
 */
#include "tests/sim/sim.h"

#include "base/check.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_DEFAULT 400
#define TWICE_EVERY 8

struct arguments {
    struct sim_request request;
    uint64_t count;
    uint64_t every; /* operation at which the power is cut */
    bool keep_going, one, twice, covers;
    struct coverage *coverage; /* NULL: nobody asks */
};

/* -- one seed -- */

static void tell(const struct sim_request *request, const struct sim_result *result)
{
    printf("seed %" PRIu64 " ok: hash %016" PRIx64 ", %" PRIu64 " messages, %" PRIu64
           " delivered, %" PRIu64 " confirmed, %" PRIu64 " dead-lettered, %" PRIu64 " starts\n",
           request->seed, result->hash, result->messages, result->delivered, result->confirmed,
           result->dead_lettered, result->lives);
}

static void check_replay(const struct sim_request *request, uint64_t hash)
{
    struct sim_request again = *request;
    struct sim_result result;
    again.live = false;
    sim_run(&again, &result);
    if (result.hash == hash)
        return;
    fprintf(stderr, "seed %" PRIu64 ": VIOLATION: does not replay: another trace\n", request->seed);
    exit(1);
}

static uint64_t run_one(const struct arguments *arguments, const struct sim_request *request)
{
    struct sim_result result;
    sim_run(request, &result);
    if (arguments->one)
        tell(request, &result);
    if (arguments->coverage)
        coverage_add(arguments->coverage, &result.coverage);
    if (arguments->twice && request->seed % TWICE_EVERY == 0)
        check_replay(request, result.hash);
    return result.hash;
}

/* -- sweeps -- */

/* Returns at how many operations something happened. */
static uint64_t sweep(const struct arguments *arguments, struct sim_request request)
{
    struct sim_result calm, result;
    uint64_t points = 0;
    sim_run(&request, &calm);
    /* Not always the same ones of each world. */
    uint64_t last = request.sweep == SWEEP_READ ? calm.disk_reads : calm.disk_changes;
    for (request.at = 1 + request.seed % arguments->every; request.at <= last;
         request.at += arguments->every, points++)
        sim_run(&request, &result);
    return points;
}

/* -- many -- */

static int keep_going(const struct arguments *arguments)
{
    uint64_t failed = 0;
    struct sim_request request = arguments->request;
    for (uint64_t i = 0; i < arguments->count; i++, request.seed++) {
        fflush(stdout);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            if (request.sweep != SWEEP_NONE && !request.at)
                sweep(arguments, request);
            else
                run_one(arguments, &request);
            exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        failed += status != 0;
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", arguments->count - failed, failed);
    return failed > 0;
}

static int run_all(const struct arguments *arguments)
{
    uint64_t hash = 0;
    struct sim_request request = arguments->request;
    for (uint64_t i = 0; i < arguments->count; i++, request.seed++)
        hash = hash * 31 + run_one(arguments, &request);
    printf("%" PRIu64 " seeds of %u steps, hash %016" PRIx64 "\n", arguments->count, request.steps,
           hash);
    if (arguments->coverage)
        coverage_print(arguments->coverage, arguments->count);
    printf("%" PRIu64 " passed, 0 failed\n", arguments->count);
    return 0;
}

static int run_sweep(const struct arguments *arguments)
{
    uint64_t points = 0;
    struct sim_request request = arguments->request;
    for (uint64_t i = 0; i < arguments->count; i++, request.seed++)
        points += sweep(arguments, request);
    static const char *const events[] = {[SWEEP_POWER] = "the power cut",
                                         [SWEEP_FAULT] = "a failure",
                                         [SWEEP_READ] = "a failed read"};
    printf("%" PRIu64 " worlds of %u steps, %s at %" PRIu64
           " operations of the disk: nothing confirmed lost, nothing invented\n",
           arguments->count, request.steps, events[request.sweep], points);
    printf("%" PRIu64 " passed, 0 failed\n", points);
    return 0;
}

/* -- the command line -- */

_Noreturn static void usage(void)
{
    fprintf(stderr, "usage: sim [--seeds N] [--first S] [--seed S] [--steps N] [--trace] "
                    "[--keep-going] [--twice] [--crowd] [--coverage] [--power|--fault|--read "
                    "[--every K | --at I]]\n");
    exit(64);
}

static void read_option(struct arguments *arguments, int option)
{
    struct sim_request *request = &arguments->request;
    uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
    if (option == 'n')
        arguments->count = number;
    else if (option == 'f')
        request->seed = number;
    else if (option == 's')
        request->seed = number, arguments->count = 1, arguments->one = true;
    else if (option == 't')
        request->steps = (unsigned)number;
    else if (option == 'e' && number > 0)
        arguments->every = number;
    else if (option == 'a')
        request->at = number;
    else if (option == 'p')
        request->sweep = SWEEP_POWER;
    else if (option == 'x')
        request->sweep = SWEEP_FAULT;
    else if (option == 'r')
        request->sweep = SWEEP_READ;
    else if (option == 'm')
        request->crowd = true;
    else if (option == 'v')
        request->live = true;
    else if (option == 'k')
        arguments->keep_going = true;
    else if (option == 'w')
        arguments->twice = true;
    else if (option == 'c')
        arguments->covers = true;
    else
        usage();
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"seed", required_argument, NULL, 's'},
        {"steps", required_argument, NULL, 't'},
        {"every", required_argument, NULL, 'e'},
        {"at", required_argument, NULL, 'a'},
        {"power", no_argument, NULL, 'p'},
        {"fault", no_argument, NULL, 'x'},
        {"read", no_argument, NULL, 'r'},
        {"trace", no_argument, NULL, 'v'},
        {"keep-going", no_argument, NULL, 'k'},
        {"twice", no_argument, NULL, 'w'},
        {"crowd", no_argument, NULL, 'm'},
        {"coverage", no_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {
        .request = {.seed = 1, .steps = STEPS_DEFAULT}, .count = 100, .every = 1};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        read_option(&arguments, option);
    struct coverage coverage = {0};
    if (arguments.covers)
        arguments.coverage = &coverage;
    bool sweeps = arguments.request.sweep != SWEEP_NONE && !arguments.request.at;
    return arguments.keep_going ? keep_going(&arguments)
           : sweeps             ? run_sweep(&arguments)
                                : run_all(&arguments);
}
