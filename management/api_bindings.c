/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings, the implicit ones of queues to the default exchange included. */
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/act.h"
#include "management/body.h"
#include "management/list_bindings.h"
#include "management/object.h"
#include "proto/table.h"

/* ---- items ---- */

static void add_walked(struct listing *listing, enum walk_kind kind, void *object)
{
    if (kind == WALK_BINDINGS)
        list_add_binding(listing, binding_row_of(object));
    else
        list_add_binding(listing, binding_row_implicit(object));
}

/* Those that the handler adds. */
static const struct list_kind some_kind = {
    .nameless = true,
    .find = list_find_binding,
    .write = object_binding,
};

static void add_from(struct listing *listing, struct exchange *exchange)
{
    LIST_EACH(&exchange->route.bindings_from, link)
        list_add_binding(listing, binding_row_of(CONTAINER_OF(link, struct binding, in_source)));
}

static void add_to(struct listing *listing, const struct route_target *target)
{
    LIST_EACH(&target->bindings_to, link)
        list_add_binding(listing,
                         binding_row_of(CONTAINER_OF(link, struct binding, in_destination)));
}

#define LOOK_WORK 64 /* at a binding that may not be wanted; see management_work() */

/* More than that are looked for in a walk over all, which can pause. */
#define CHAIN_MAX 1000

static void add_if_from(struct listing *listing, enum walk_kind kind, void *object)
{
    struct slice name = call_arg(list_call(listing), "exchange");
    const struct binding *binding = object;
    struct binding_row row = binding_row_of(binding);

    (void)kind;
    call_spend(list_call(listing), LOOK_WORK);
    if (slice_equal(row.source, name))
        list_add_binding(listing, row);
}

/* The path names an exchange, or a queue. */
static void add_if_to(struct listing *listing, enum walk_kind kind, void *object)
{
    const struct call *call = list_call(listing);
    struct slice exchange = call_arg(call, "exchange"), queue = call_arg(call, "queue");
    const struct binding *binding = object;
    struct binding_row row = binding_row_of(binding);

    (void)kind;
    call_spend(list_call(listing), LOOK_WORK);
    if (slice_equal(row.destination, row.to_exchange ? exchange : queue))
        list_add_binding(listing, row);
}

/* The path's virtual host is there. */
static struct listing *list_walked(struct call *call, const struct list_kind *kind)
{
    const struct list_scope scope = {.vhost = call_arg(call, "vhost")};

    return list_begin(call, kind, &scope);
}

static struct listing *list_to(struct call *call, const struct route_target *target)
{
    static const struct list_kind kind = {
        .walks = {WALK_BINDINGS},
        .walk_count = 1,
        .nameless = true,
        .add = add_if_to,
        .find = list_find_binding,
        .write = object_binding,
    };
    if (target->bindings_to_count > CHAIN_MAX)
        return list_walked(call, &kind);
    struct listing *listing = list_begin(call, &some_kind, NULL);
    if (listing)
        add_to(listing, target);
    return listing;
}

static void list_from(struct call *call, struct exchange *exchange)
{
    static const struct list_kind kind = {
        .walks = {WALK_BINDINGS},
        .walk_count = 1,
        .nameless = true,
        .add = add_if_from,
        .find = list_find_binding,
        .write = object_binding,
    };
    if (exchange->route.bindings_from_count > CHAIN_MAX) {
        (void)list_walked(call, &kind);
        return;
    }
    struct listing *listing = list_begin(call, &some_kind, NULL);
    if (listing)
        add_from(listing, exchange);
}

/* ---- lists ---- */

void bindings_list(struct call *call)
{
    static const struct list_kind kind = {
        .walks = {WALK_BINDINGS, WALK_QUEUES},
        .walk_count = 2,
        .nameless = true,
        .add = add_walked,
        .find = list_find_binding,
        .write = object_binding,
    };

    list_answer_vhost(call, &kind);
}

static void list_implicit(struct call *call)
{
    static const struct list_kind kind = {
        .walks = {WALK_QUEUES},
        .walk_count = 1,
        .nameless = true,
        .add = add_walked,
        .find = list_find_binding,
        .write = object_binding,
    };

    list_answer_vhost(call, &kind);
}

void exchange_bindings_source(struct call *call)
{
    struct exchange *exchange = call_exchange(call);

    if (!exchange)
        return;
    if (exchange == call->vhost->default_exchange)
        list_implicit(call);
    else
        list_from(call, exchange);
}

void exchange_bindings_destination(struct call *call)
{
    const struct exchange *exchange = call_exchange(call);

    if (exchange)
        (void)list_to(call, &exchange->route.target);
}

void queue_bindings(struct call *call)
{
    struct queue *queue = call_queue(call);

    if (!queue)
        return;
    struct listing *listing = list_to(call, &queue->target);
    if (listing)
        list_add_binding(listing, binding_row_implicit(queue));
}

/* The path's ends. */
struct ends {
    struct exchange *source;
    struct route_target *destination;
    bool to_exchange;
};

/* False after answering 404: the path's {kind} is neither q nor e, or there is no such vhost. */
static bool find_ends(struct call *call, struct ends *ends)
{
    struct slice kind = call_arg(call, "kind");
    struct slice name = call_arg(call, "destination");

    *ends = (struct ends){.to_exchange = slice_equal_str(kind, "e")};
    if (!call->vhost || (!ends->to_exchange && !slice_equal_str(kind, "q"))) {
        call_not_found(call);
        return false;
    }
    ends->source = exchange_find(call->vhost, call_arg(call, "source"));
    if (ends->to_exchange) {
        struct exchange *exchange = exchange_find(call->vhost, name);
        ends->destination = exchange ? &exchange->route.target : NULL;
    } else {
        struct queue *queue = queue_find(call->vhost, name);
        ends->destination = queue ? &queue->target : NULL;
    }
    return true;
}

/* Calls back with each binding between the ends. Walks the shorter of the two lists. */
static void each_between(const struct ends *ends, void (*each)(void *context, struct binding_row),
                         void *context)
{
    if (!ends->source || !ends->destination)
        return;
    const struct route_exchange *source = &ends->source->route;
    if (ends->source == ends->source->vhost->default_exchange) {
        if (!ends->to_exchange)
            each(context, binding_row_implicit(target_queue(ends->destination)));
    } else if (source->bindings_from_count < ends->destination->bindings_to_count) {
        LIST_EACH(&source->bindings_from, link) {
            const struct binding *binding = CONTAINER_OF(link, struct binding, in_source);
            if (binding->destination == ends->destination)
                each(context, binding_row_of(binding));
        }
    } else {
        LIST_EACH(&ends->destination->bindings_to, link) {
            const struct binding *binding = CONTAINER_OF(link, struct binding, in_destination);
            if (binding->source == source)
                each(context, binding_row_of(binding));
        }
    }
}

static void add_row(void *context, struct binding_row row)
{
    list_add_binding(context, row);
}

void bindings_between(struct call *call)
{
    struct ends ends;

    if (!find_ends(call, &ends))
        return;
    struct listing *listing = list_begin(call, &some_kind, NULL);
    if (listing)
        each_between(&ends, add_row, listing);
}

struct search {
    struct slice key, raw_key; /* decoded, and as it stood in the path */
    bool found;
    struct binding_row row;
};

static void compare_key(void *context, struct binding_row row)
{
    struct search *search = context;
    struct buf key = BUF_INIT;

    object_binding_key(&key, &row);
    if (slice_equal(buf_slice(&key), search->key) ||
        slice_equal(buf_slice(&key), search->raw_key)) {
        search->found = true;
        search->row = row;
    }
    buf_fini(&key);
}

/* The binding that the path's properties key names; false after answering 404. Clients put the key
 * into the path as it was given to them, or quote it again: both are understood. */
static bool find_binding(struct call *call, struct ends *ends, struct search *search)
{
    if (!find_ends(call, ends))
        return false;
    *search = (struct search){
        .key = call_arg(call, "properties"),
        .raw_key = call->captures[call->capture_count - 1].raw,
    };
    each_between(ends, compare_key, search);
    if (!search->found)
        call_not_found(call);
    return search->found;
}

void binding_get(struct call *call)
{
    struct search search;
    struct ends ends;
    struct row row;

    if (!find_binding(call, &ends, &search))
        return;
    call_begin_object(call, &row);
    object_binding(call, &row, &search.row);
    call_end_object(&row);
}

/* ---- binding and unbinding ---- */

/* "q1/rk": relative to the path that was posted to. */
static void add_location(struct call *call, const struct bind *bind)
{
    const struct binding_row row = {.key = bind->key, .arguments = bind->arguments};
    struct buf location = BUF_INIT;

    http_encode(&location, bind->destination);
    buf_add_u8(&location, '/');
    object_binding_key(&location, &row);
    http_response_add_header(call->response, "Location", buf_slice(&location));
    buf_fini(&location);
}

static void do_bind(struct call *call, const struct bind *bind)
{
    struct actor actor;
    struct reply reply;

    if (!actor_open(&actor, call))
        return;
    if (exchange_bind(&actor.connection, bind, &reply)) {
        add_location(call, bind);
        call_empty(call, 201);
    } else {
        call_reply(call, &reply);
    }
    actor_close(&actor);
}

void binding_post(struct call *call)
{
    struct bind bind = {
        .source = call_arg(call, "source"),
        .destination = call_arg(call, "destination"),
    };
    struct buf arguments = BUF_INIT, sorted = BUF_INIT;
    struct ends ends;

    if (!find_ends(call, &ends))
        return;
    bind.to_exchange = ends.to_exchange;
    json_t *body = call_body(call);
    if (body && body_short_text(call, body, "routing_key", "", &bind.key) &&
        body_arguments(call, body, &arguments)) {
        table_sort(&sorted, buf_slice(&arguments));
        bind.arguments = buf_slice(&sorted);
        do_bind(call, &bind);
    }
    buf_fini(&sorted);
    buf_fini(&arguments);
    json_decref(body);
}

static void do_unbind(struct call *call, const struct bind *bind)
{
    struct actor actor;
    struct reply reply;

    if (!actor_open(&actor, call))
        return;
    if (exchange_unbind(&actor.connection, bind, &reply))
        call_empty(call, 204);
    else
        call_reply(call, &reply);
    actor_close(&actor);
}

/* The binding's own bytes go with it: the call gets copies. */
void binding_delete(struct call *call)
{
    struct search search;
    struct ends ends;

    if (!find_binding(call, &ends, &search))
        return;
    struct buf key = BUF_INIT, arguments = BUF_INIT;
    buf_add_slice(&key, search.row.key);
    buf_add_slice(&arguments, search.row.arguments);
    const struct bind bind = {
        .source = call_arg(call, "source"),
        .destination = call_arg(call, "destination"),
        .to_exchange = ends.to_exchange,
        .key = buf_slice(&key),
        .arguments = buf_slice(&arguments),
    };
    do_unbind(call, &bind);
    buf_fini(&key);
    buf_fini(&arguments);
}
