/* SPDX-License-Identifier: Apache-2.0 */
/* TLS contexts from the configuration, and what a client's certificate says about its owner.
 *
 * (1) TLS 1.2 and 1.3 only; renegotiation and compression never.
 */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include "base/err.h"

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct configuration;

/* For which port: the keys ssl_options.* or management.ssl.*. */
enum tls_use { TLS_AMQP, TLS_MANAGEMENT };

/* The configuration asks for TLS on that port. */
bool tls_wanted(const struct configuration *configuration, enum tls_use use);
/* A context with certificate, key and rules loaded; SSL_CTX_free(). On failure a sentence for the
 * operator that names the file. */
enum err tls_context_new(const struct configuration *configuration, enum tls_use use,
                         SSL_CTX **context, char *message, size_t message_size) MUST_USE;

/* Contexts for both ports; NULL for one that wants none. */
enum err tls_contexts_new(const struct configuration *configuration, SSL_CTX **amqp,
                          SSL_CTX **management, char *message, size_t message_size) MUST_USE;

/* When the first certificate of the context's chain ends, as Unix time; 0 without a certificate. */
int64_t tls_expires_s(SSL_CTX *context);

/* Takes OpenSSL's oldest queued error as text and empties the queue. */
void tls_error(char *text, size_t size);

/* Where SASL EXTERNAL takes the user's name from. */
enum tls_login_source { TLS_LOGIN_DN, TLS_LOGIN_CN, TLS_LOGIN_SAN };
enum tls_san_type { TLS_SAN_DNS, TLS_SAN_IP, TLS_SAN_EMAIL, TLS_SAN_URI };

struct tls_login_rule {
    enum tls_login_source source;
    enum tls_san_type san_type;
    size_t san_index;
};

struct tls_login_rule tls_login_rule(const struct configuration *configuration);
/* The user that the peer's verified certificate names (mem_free()), or NULL when there is no such
 * certificate or it does not have the part. Distinguished names are in RFC 4514's form. */
char *tls_login(const SSL *ssl, const struct tls_login_rule *rule);
/* The same from a certificate. */
char *tls_login_of(const X509 *certificate, const struct tls_login_rule *rule);

#endif
