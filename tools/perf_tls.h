/* SPDX-License-Identifier: Apache-2.0 */
/* TLS on a non-blocking socket, by OpenSSL. */
#ifndef TOOLS_PERF_TLS_H
#define TOOLS_PERF_TLS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct perf_tls;         /* one connection's */
struct perf_tls_context; /* what all connections share */

/* Empty strings for what is not wanted. Without `ca` the server may be anybody. NULL with a sentence
 * in `error` when a file can't be used. */
struct perf_tls_context *perf_tls_context_new(const char *ca, const char *cert, const char *key,
                                              char *error, size_t error_size);
void perf_tls_context_free(struct perf_tls_context *context);

/* Does not take the socket. With a `ca`, `host` must be in the server's certificate. */
struct perf_tls *perf_tls_new(struct perf_tls_context *context, int fd, const char *host);
void perf_tls_free(struct perf_tls *tls);

/* As read() and write(): -1 with EAGAIN when the socket has no more, 0 at the end of the stream,
 * -1 with EPROTO when TLS has failed (perf_tls_error() says why). The handshake goes along. */
ssize_t perf_tls_read(struct perf_tls *tls, void *out, size_t len);
ssize_t perf_tls_write(struct perf_tls *tls, const void *data, size_t len);

/* Why the last call failed; static storage. */
const char *perf_tls_error(const struct perf_tls *tls);

#endif
