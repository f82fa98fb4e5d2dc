/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a definitions document. One that is refused has changed nothing, and says why; of one
 * that is taken, what is exported is taken as well, and changes nothing more.
 */
#include "management/definitions.h"

#include "base/check.h"
#include "management/call.h"
#include "tests/fuzz/fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUTS_PER_BROKER 500

static json_t *export(const struct fuzz_world *world)
{
    struct management management = {.broker = world->broker, .version = "9.9.9"};
    struct http_request request = {0};
    struct http_response response;
    struct call call = {.management = &management,
                        .broker = world->broker,
                        .request = &request,
                        .response = &response};
    http_response_init(&response);
    definitions_answer(&call);
    while (!management_work(&call, MANAGEMENT_WORK)) {
    }
    call.task->free(call.task_state);
    json_t *document =
        json_loadb((const char *)response.body.data, response.body.len, JSON_ALLOW_NUL, NULL);
    CHECK(document);
    http_response_fini(&response);
    return document;
}

static void import_again(struct fuzz_world *world, json_t *document)
{
    char message[512] = "";
    enum err error = definitions_import(world->broker, NULL, document, message, sizeof(message));
    if (error != ERR_OK)
        check_panic("what was exported is refused: %s", message);
    fuzz_world_turn(world);
}

static void try(struct fuzz_world *world, struct slice text)
{
    char message[512] = "";
    json_t *before = export(world);
    enum err error = definitions_import_text(world->broker, NULL, text, message, sizeof(message));
    fuzz_world_turn(world);
    json_t *after = export(world);
    if (error == ERR_OK) {
        import_again(world, after);
        json_t *again = export(world);
        CHECK(json_equal(after, again));
        json_decref(again);
    } else {
        CHECK(error == ERR_SYNTAX || error == ERR_INVALID);
        CHECK(message[0] && json_equal(before, after));
    }
    json_decref(before);
    json_decref(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_world *world;
    if (!world)
        world = fuzz_world_new();
    try(world, slice_of(data, size));
    fuzz_world_reset(world);
    if (world->inputs == INPUTS_PER_BROKER) {
        fuzz_world_free(world);
        world = NULL;
    }
    return 0;
}
