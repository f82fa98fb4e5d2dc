/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges. */
#include "broker/exchange.h"
#include "management/act.h"
#include "management/body.h"
#include "management/list_named.h"
#include "management/object.h"

static void add_item(struct listing *listing, enum walk_kind kind, void *object)
{
    (void)kind;
    list_add_exchange(listing, object);
}

void exchanges_list(struct call *call)
{
    static const struct list_kind kind = {
        .walks = {WALK_EXCHANGES},
        .walk_count = 1,
        .add = add_item,
        .find = list_find_exchange,
        .write = object_exchange,
    };

    list_answer_vhost(call, &kind);
}

void exchange_get(struct call *call)
{
    const struct exchange *exchange = call_exchange(call);
    struct row row;

    if (!exchange)
        return;
    call_begin_object(call, &row);
    object_exchange(call, &row, exchange);
    row_json(&row, "incoming", json_array()); /* rates of pairs of objects aren't kept */
    row_json(&row, "outgoing", json_array());
    call_end_object(&row);
}

/* ---- declaring and deleting ---- */

/* Fills in the declaration from the body; false after answering 400. */
static bool read_declaration(struct call *call, const json_t *body, struct buf *arguments,
                             struct exchange_declare *declare)
{
    declare->name = call_arg(call, "exchange");
    if (!body_path_name(call, "exchange") ||
        !body_text(call, body, "type", "direct", &declare->type) ||
        !call_bool(call, body, "durable", false, &declare->durable) ||
        !call_bool(call, body, "auto_delete", false, &declare->auto_delete) ||
        !call_bool(call, body, "internal", false, &declare->internal) ||
        !body_arguments(call, body, arguments))
        return false;
    declare->arguments = buf_slice(arguments);
    return true;
}

static void declare_exchange(struct call *call, const struct exchange_declare *declare)
{
    bool created = !exchange_find(call->vhost, declare->name);
    struct actor actor;
    struct reply reply;

    if (!actor_open(&actor, call))
        return;
    if (exchange_declare(&actor.connection, declare, &reply))
        call_made(call, created);
    else
        call_reply(call, &reply);
    actor_close(&actor);
}

void exchange_put(struct call *call)
{
    struct exchange_declare declare = {0};
    struct buf arguments = BUF_INIT;

    if (!call->vhost) {
        call_error(call, 404, "not_found", "vhost_not_found");
        return;
    }
    json_t *body = call_body(call);
    if (body && read_declaration(call, body, &arguments, &declare))
        declare_exchange(call, &declare);
    buf_fini(&arguments);
    json_decref(body);
}

void exchange_delete_route(struct call *call)
{
    struct actor actor;
    struct reply reply;

    if (!call_exchange(call) || !actor_open(&actor, call))
        return;
    if (exchange_delete(&actor.connection, call_arg(call, "exchange"), call_flag(call, "if-unused"),
                        &reply))
        call_empty(call, 204);
    else
        call_reply(call, &reply);
    actor_close(&actor);
}
