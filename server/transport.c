/* SPDX-License-Identifier: Apache-2.0 */
/* read(2) and writev(2), or SSL_read() and SSL_write(). */
#include "server/transport.h"

#include "base/mem.h"
#include "server/tls.h"

#include <openssl/err.h>

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RUNS_MAX 64 /* of one writev() */

void transport_init(struct transport *transport, int fd, SSL_CTX *context)
{
    *transport = (struct transport){.fd = fd};
    if (!context)
        return;
    transport->ssl = SSL_new(context);
    CHECK(transport->ssl);
    CHECK(SSL_set_fd(transport->ssl, fd) == 1);
    SSL_set_accept_state(transport->ssl);
}

void transport_fini(struct transport *transport)
{
    SSL_free(transport->ssl);
    mem_free(transport->tls_error);
    close(transport->fd);
    *transport = (struct transport){.fd = -1};
}

static struct transport_result result(enum transport_status status, size_t count)
{
    return (struct transport_result){status, count};
}

/* -- plain -- */

static struct transport_result plain_failure(struct transport *transport,
                                             enum transport_status blocked)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return result(blocked, 0);
    transport->error = errno;
    return result(TRANSPORT_FAILED, 0);
}

static struct transport_result plain_read(struct transport *transport, void *into, size_t size)
{
    ssize_t got = read(transport->fd, into, size);
    if (got < 0)
        return plain_failure(transport, TRANSPORT_WANT_READ);
    return got == 0 ? result(TRANSPORT_CLOSED, 0) : result(TRANSPORT_OK, (size_t)got);
}

static struct transport_result plain_write(struct transport *transport, const struct slice *runs,
                                           size_t count)
{
    struct iovec parts[RUNS_MAX];
    size_t used = count < RUNS_MAX ? count : RUNS_MAX;
    for (size_t i = 0; i < used; i++)
        parts[i] = (struct iovec){(void *)(uintptr_t)runs[i].data, runs[i].len};
    ssize_t written = writev(transport->fd, parts, (int)used);
    if (written < 0)
        return plain_failure(transport, TRANSPORT_WANT_WRITE);
    return result(TRANSPORT_OK, (size_t)written);
}

/* -- TLS -- */

static void keep_tls_error(struct transport *transport)
{
    char text[256];
    long verified = SSL_get_verify_result(transport->ssl);
    tls_error(text, sizeof(text));
    /* What OpenSSL ran into first says less than what it thinks of the certificate. */
    if (verified != X509_V_OK)
        snprintf(text, sizeof(text), "certificate verify failed: %s",
                 X509_verify_cert_error_string(verified));
    mem_free(transport->tls_error);
    transport->tls_error = slice_dup(slice_str(text));
}

static struct transport_result tls_failure(struct transport *transport, int code)
{
    switch (SSL_get_error(transport->ssl, code)) {
    case SSL_ERROR_WANT_READ:
        return result(TRANSPORT_WANT_READ, 0);
    case SSL_ERROR_WANT_WRITE:
        return result(TRANSPORT_WANT_WRITE, 0);
    case SSL_ERROR_ZERO_RETURN:
        return result(TRANSPORT_CLOSED, 0);
    case SSL_ERROR_SYSCALL:
        transport->error = errno;
        ERR_clear_error();
        return result(transport->error ? TRANSPORT_FAILED : TRANSPORT_CLOSED, 0);
    default:
        /* A peer that closes without TLS's own goodbye is common and no attack we could be open
         * to: AMQP frames end by themselves. */
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            ERR_clear_error();
            return result(TRANSPORT_CLOSED, 0);
        }
        transport->error = 0;
        keep_tls_error(transport);
        return result(TRANSPORT_FAILED, 0);
    }
}

struct transport_result transport_handshake(struct transport *transport)
{
    CHECK(transport->ssl);
    ERR_clear_error();
    errno = 0;
    int code = SSL_do_handshake(transport->ssl);
    return code == 1 ? result(TRANSPORT_OK, 0) : tls_failure(transport, code);
}

/* A record at a time until the room is full or the socket empty. */
static struct transport_result tls_read(struct transport *transport, void *into, size_t size)
{
    size_t total = 0;
    while (total < size) {
        size_t got = 0;
        ERR_clear_error();
        errno = 0;
        int code = SSL_read_ex(transport->ssl, (char *)into + total, size - total, &got);
        if (code != 1) {
            /* What has come counts first; an end or a failure shows itself again. */
            return total > 0 ? result(TRANSPORT_OK, total) : tls_failure(transport, code);
        }
        total += got;
    }
    return result(TRANSPORT_OK, total);
}

static struct transport_result tls_write(struct transport *transport, const struct slice *runs,
                                         size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t put = 0;
        if (runs[i].len == 0)
            continue;
        ERR_clear_error();
        errno = 0;
        int code = SSL_write_ex(transport->ssl, runs[i].data, runs[i].len, &put);
        if (code != 1)
            return total > 0 ? result(TRANSPORT_OK, total) : tls_failure(transport, code);
        total += put;
        if (put < runs[i].len)
            break;
    }
    return result(TRANSPORT_OK, total);
}

/* -- either -- */

struct transport_result transport_read(struct transport *transport, void *into, size_t size)
{
    return transport->ssl ? tls_read(transport, into, size) : plain_read(transport, into, size);
}

struct transport_result transport_write(struct transport *transport, const struct slice *runs,
                                        size_t count)
{
    return transport->ssl ? tls_write(transport, runs, count) : plain_write(transport, runs, count);
}

bool transport_has_pending(const struct transport *transport)
{
    return transport->ssl && SSL_pending(transport->ssl) > 0;
}

void transport_shutdown(struct transport *transport)
{
    if (transport->ssl && SSL_is_init_finished(transport->ssl)) {
        (void)SSL_shutdown(transport->ssl);
        ERR_clear_error();
    }
    (void)shutdown(transport->fd, SHUT_WR);
}

const char *transport_reason(const struct transport *transport)
{
    if (transport->tls_error)
        return transport->tls_error;
    return transport->error ? strerror(transport->error) : "unknown";
}
