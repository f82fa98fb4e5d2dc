/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes over a non-blocking socket, with or without TLS on it, in one form. */
#ifndef SERVER_TRANSPORT_H
#define SERVER_TRANSPORT_H

#include "base/slice.h"

#include <openssl/ssl.h>

struct transport {
    int fd;
    SSL *ssl;        /* NULL without TLS */
    int error;       /* errno of the last failure; 0: TLS failed, see the text */
    char *tls_error; /* what OpenSSL said, or NULL */
};

enum transport_status {
    TRANSPORT_OK,         /* `count` bytes went */
    TRANSPORT_WANT_READ,  /* nothing now: go on when the socket is readable */
    TRANSPORT_WANT_WRITE, /* … writable */
    TRANSPORT_CLOSED,     /* the peer ended its stream */
    TRANSPORT_FAILED,     /* transport_reason() says why */
};

struct transport_result {
    enum transport_status status;
    size_t count;
};

/* Takes the fd; `context` (which it keeps a reference to) makes it a TLS server's. */
void transport_init(struct transport *transport, int fd, SSL_CTX *context);
/* Closes the socket. */
void transport_fini(struct transport *transport);

/* TRANSPORT_OK when the TLS handshake is done. */
struct transport_result transport_handshake(struct transport *transport);
struct transport_result transport_read(struct transport *transport, void *into, size_t size);
/* Writes the runs in order, perhaps not all of them. */
struct transport_result transport_write(struct transport *transport, const struct slice *runs,
                                        size_t count);
/* Bytes are here that the socket will not announce. */
bool transport_has_pending(const struct transport *transport);
/* Ends our half of the stream; the peer sees all that was written, then the end. */
void transport_shutdown(struct transport *transport);
/* Why the last call failed; valid until the next one. */
const char *transport_reason(const struct transport *transport);

#endif
