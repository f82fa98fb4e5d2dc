/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting. */
#include "server/listener.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ACCEPT_BATCH 64 /* a turn: a flood of connections must not stop those that are there */
#define PAUSE_MS 1000
#define MILLI 1000

static void note_readable(evutil_socket_t fd, short what, void *context)
{
    struct listener *listener = context;
    (void)fd;
    (void)what;
    loop_note_input(listener->loop, &listener->node);
}

static void resume(struct timer *timer, int64_t now_ms)
{
    struct listener *listener = CONTAINER_OF(timer, struct listener, pause);
    (void)now_ms;
    CHECK(event_add(&listener->event, NULL) == 0);
}

static void pause_accepting(struct listener *listener, int error)
{
    log_error(listener->log, "accepting pauses", "listener=%s reason=\"%s\"", listener->text,
              strerror(error));
    event_del(&listener->event);
    timer_set(&listener->loop->timers, &listener->pause, listener->loop->now_ms + PAUSE_MS);
}

/* -- the rate -- */

/* A token, if there is one. */
static bool take_token(struct listener *listener)
{
    int64_t rate = listener->options.rate_max;
    int64_t most = rate * MILLI;
    if (rate == 0)
        return true;
    int64_t elapsed_ms = listener->loop->now_ms - listener->tokens_ms;
    if (elapsed_ms > MILLI)
        elapsed_ms = MILLI;
    listener->tokens_milli += elapsed_ms * rate;
    listener->tokens_ms = listener->loop->now_ms;
    if (listener->tokens_milli > most)
        listener->tokens_milli = most;
    if (listener->tokens_milli < MILLI)
        return false;
    listener->tokens_milli -= MILLI;
    return true;
}

static void pause_for_token(struct listener *listener)
{
    int64_t rate = listener->options.rate_max;
    int64_t wait_ms = (MILLI - listener->tokens_milli + rate - 1) / rate;
    event_del(&listener->event);
    timer_set(&listener->loop->timers, &listener->pause, listener->loop->now_ms + wait_ms);
}

/* -- accepting -- */

/* Errors that belong to the one connection, which is gone; the next one may be fine [accept(2)]. */
static bool is_connections_own(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
           error == ENETDOWN || error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET ||
           error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH;
}

static bool accept_batch(struct loop_node *node)
{
    struct listener *listener = CONTAINER_OF(node, struct listener, node);
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        if (!take_token(listener)) {
            pause_for_token(listener);
            break;
        }
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof(peer);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && listener->options.rate_max)
            listener->tokens_milli += MILLI; /* it was for nothing */
        if (fd >= 0) {
            socket_tune(fd, &listener->options);
            listener->accepted(listener->context, listener, fd, (struct sockaddr *)&peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (!is_connections_own(errno)) {
            pause_accepting(listener, errno);
            break;
        }
    }
    return false; /* the event is level-triggered: it comes again while there is more */
}

static void no_output(struct loop_node *node)
{
    (void)node;
}

struct listener *listener_new(struct loop *loop, struct log *log, int fd, bool tls,
                              const struct socket_options *options, listener_accepted_fn accepted,
                              void *context)
{
    struct listener *listener = MEM_NEW(struct listener);
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof(own);
    *listener = (struct listener){
        .loop = loop,
        .log = log,
        .fd = fd,
        .tls = tls,
        .options = *options,
        .tokens_milli = (int64_t)options->rate_max * MILLI,
        .tokens_ms = loop->now_ms,
        .accepted = accepted,
        .context = context,
    };
    loop_node_init(&listener->node, accept_batch, no_output);
    list_init(&listener->link);
    timer_init(&listener->pause, resume);
    CHECK(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
    endpoint_print((struct sockaddr *)&own, listener->text);
    CHECK(event_assign(&listener->event, loop->base, fd, EV_READ | EV_PERSIST, note_readable,
                       listener) == 0);
    CHECK(event_add(&listener->event, NULL) == 0);
    return listener;
}

void listener_free(struct listener *listener)
{
    event_del(&listener->event);
    timer_clear(&listener->loop->timers, &listener->pause);
    loop_node_fini(&listener->node);
    list_remove(&listener->link);
    close(listener->fd);
    mem_free(listener);
}
