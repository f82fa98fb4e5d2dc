/* SPDX-License-Identifier: Apache-2.0 */
/* TLS by OpenSSL, kept behind the shape of read() and write(). */
#include "tools/perf_tls.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

struct perf_tls_context {
    SSL_CTX *ctx;
    bool verify;
};

struct perf_tls {
    SSL *ssl;
    bool broken; /* for good: later calls keep the first one's reason */
    char error[160];
};

static bool use_files(SSL_CTX *ctx, const char *ca, const char *cert, const char *key)
{
    if (ca[0] && SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
        return false;
    return !cert[0] || (SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
                        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1);
}

struct perf_tls_context *perf_tls_context_new(const char *ca, const char *cert, const char *key,
                                              char *error, size_t error_size)
{
    struct perf_tls_context *context = MEM_NEW(struct perf_tls_context);
    context->ctx = SSL_CTX_new(TLS_client_method());
    CHECK(context->ctx);
    context->verify = ca[0];
    SSL_CTX_set_mode(context->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_verify(context->ctx, ca[0] ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (use_files(context->ctx, ca, cert, key))
        return context;
    snprintf(error, error_size, "TLS: %s", ERR_reason_error_string(ERR_peek_error()));
    perf_tls_context_free(context);
    return NULL;
}

void perf_tls_context_free(struct perf_tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ctx);
    mem_free(context);
}

struct perf_tls *perf_tls_new(struct perf_tls_context *context, int fd, const char *host)
{
    struct perf_tls *tls = MEM_NEW(struct perf_tls);
    tls->ssl = SSL_new(context->ctx);
    CHECK(tls->ssl && SSL_set_fd(tls->ssl, fd) == 1);
    if (context->verify)
        CHECK(SSL_set1_host(tls->ssl, host) == 1);
    SSL_set_tlsext_host_name(tls->ssl, host);
    SSL_set_connect_state(tls->ssl);
    return tls;
}

void perf_tls_free(struct perf_tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    mem_free(tls);
}

/* What a call of OpenSSL that returned `result` means in terms of read() and write(). */
static ssize_t translate(struct perf_tls *tls, int result)
{
    if (result > 0)
        return result;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        snprintf(tls->error, sizeof(tls->error), "the connection was cut");
        break;
    default:
        snprintf(tls->error, sizeof(tls->error), "%s", ERR_reason_error_string(ERR_peek_error()));
        tls->broken = true;
        break;
    }
    ERR_clear_error();
    errno = EPROTO;
    return -1;
}

static ssize_t refuse(void)
{
    errno = EPROTO;
    return -1;
}

static int at_most_int(size_t len)
{
    return len < INT_MAX ? (int)len : INT_MAX;
}

ssize_t perf_tls_read(struct perf_tls *tls, void *out, size_t len)
{
    if (tls->broken)
        return refuse();
    ERR_clear_error();
    return translate(tls, SSL_read(tls->ssl, out, at_most_int(len)));
}

ssize_t perf_tls_write(struct perf_tls *tls, const void *data, size_t len)
{
    if (tls->broken)
        return refuse();
    ERR_clear_error();
    return translate(tls, SSL_write(tls->ssl, data, at_most_int(len)));
}

const char *perf_tls_error(const struct perf_tls *tls)
{
    return tls->error;
}
