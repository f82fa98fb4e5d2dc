/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a definitions document. One that is refused has changed nothing, and says why; of one
 * that is taken, what is exported is taken as well, and changes nothing more.
 */
#include "management/definitions.h"

#include "base/check.h"
#include "broker/access.h"
#include "broker/login.h"
#include "management/management.h"
#include "tests/fuzz/fuzz_world.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUTS_PER_BROKER 500

/* Who asks for the document: an administrator whatever was imported. */
static struct user *administrator(const struct fuzz_world *world)
{
    struct user *user = NULL;
    enum err error = access_set_user_hash(world->broker->access, slice_str("fuzz"), slice_str(""),
                                          slice_str("rabbit_password_hashing_sha256"),
                                          slice_str("administrator"), &user);
    CHECK(error == ERR_OK);
    return user;
}

/* The document's text; buf_fini(). */
static struct buf export(const struct fuzz_world *world)
{
    static const struct management_host nobody;
    struct management *management = management_new(world->broker, "9.9.9", &nobody);
    struct login_result login = {.verdict = LOGIN_ACCEPTED, .user = administrator(world)};
    struct http_request request = {
        .method = "GET",
        .path = slice_str("/api/definitions"),
        .peer_address = "127.0.0.1",
        .loopback = true,
        .authorization = slice_str("Basic eDp4"), /* there must be some; what counts is: */
        .login = &login,
    };
    struct http_response response;
    struct buf text = BUF_INIT;
    http_response_init(&response);
    struct call *call = management_begin(management, &request, &response);
    while (!management_work(call, MANAGEMENT_WORK)) {
    }
    management_end(call);
    CHECK(response.status == 200);
    buf_add_slice(&text, buf_slice(&response.body));
    http_response_fini(&response);
    management_free(management);
    return text;
}

/* As values: the order of an object's keys says nothing. */
static bool same(const struct buf *a, const struct buf *b)
{
    json_t *left = json_loadb((const char *)a->data, a->len, JSON_ALLOW_NUL, NULL);
    json_t *right = json_loadb((const char *)b->data, b->len, JSON_ALLOW_NUL, NULL);
    CHECK(left && right);
    bool equal = json_equal(left, right);
    json_decref(left);
    json_decref(right);
    return equal;
}

static enum err import(struct fuzz_world *world, struct slice text, char *message, size_t size)
{
    enum err error = definitions_import_text(world->broker, NULL, text, message, size);
    fuzz_world_turn(world);
    return error;
}

static void import_again(struct fuzz_world *world, const struct buf *document)
{
    char message[DEFINITIONS_MESSAGE_MAX] = "";
    if (import(world, buf_slice(document), message, sizeof(message)) != ERR_OK)
        check_panic("what was exported is refused: %s", message);
    struct buf again = export(world);
    CHECK(same(document, &again));
    buf_fini(&again);
}

static void try(struct fuzz_world *world, struct slice text)
{
    char message[DEFINITIONS_MESSAGE_MAX] = "";
    struct buf before = export(world);
    enum err error = import(world, text, message, sizeof(message));
    struct buf after = export(world);
    if (error == ERR_OK) {
        import_again(world, &after);
    } else {
        CHECK(error == ERR_SYNTAX || error == ERR_INVALID);
        CHECK(message[0] && same(&before, &after));
    }
    buf_fini(&before);
    buf_fini(&after);
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
