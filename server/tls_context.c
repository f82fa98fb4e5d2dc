/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts. */
#include "base/buf.h"
#include "server/configuration.h"
#include "server/tls.h"

#include <openssl/err.h>

#include <stdio.h>
#include <time.h>

/* The keys of one port. */
struct tls_keys {
    enum config_key certfile, keyfile, password, cacertfile, verify, fail_if_no_peer_cert;
};

static const struct tls_keys amqp_keys = {
    CONFIG_SSL_CERTFILE,   CONFIG_SSL_KEYFILE, CONFIG_SSL_PASSWORD,
    CONFIG_SSL_CACERTFILE, CONFIG_SSL_VERIFY,  CONFIG_SSL_FAIL_IF_NO_PEER_CERT,
};

static const struct tls_keys management_keys = {
    CONFIG_MANAGEMENT_SSL_CERTFILE,   CONFIG_MANAGEMENT_SSL_KEYFILE, CONFIG_MANAGEMENT_SSL_PASSWORD,
    CONFIG_MANAGEMENT_SSL_CACERTFILE, CONFIG_MANAGEMENT_SSL_VERIFY,  CONFIG_MANAGEMENT_SSL_FAIL,
};

/* The management port uses the AMQP port's certificate when it has none of its own. */
static struct tls_keys keys_of(const struct configuration *configuration, enum tls_use use)
{
    struct tls_keys keys = use == TLS_AMQP ? amqp_keys : management_keys;
    if (use == TLS_MANAGEMENT && !configuration_given(configuration, keys.certfile)) {
        keys.certfile = amqp_keys.certfile;
        keys.keyfile = amqp_keys.keyfile;
        keys.password = amqp_keys.password;
    }
    return keys;
}

void tls_error(char *text, size_t size)
{
    unsigned long code = ERR_get_error();
    const char *reason = ERR_reason_error_string(code);
    snprintf(text, size, "%s", reason ? reason : code ? "unknown error" : "no error");
    ERR_clear_error();
}

static int give_password(char *out, int size, int writing, void *context)
{
    const char *password = context;
    (void)writing;
    return snprintf(out, (size_t)size, "%s", password) < size ? (int)strlen(out) : 0;
}

static bool fail(const char *what, const char *path, char *message, size_t message_size)
{
    char reason[256];
    tls_error(reason, sizeof(reason));
    snprintf(message, message_size, "cannot load the %s %s: %s", what, path, reason);
    return false;
}

static bool load_identity(SSL_CTX *context, const struct configuration *configuration,
                          const struct tls_keys *keys, char *message, size_t message_size)
{
    const char *certificate = configuration_text(configuration, keys->certfile);
    const char *key = configuration_text(configuration, keys->keyfile);
    const char *password = configuration_text(configuration, keys->password);
    SSL_CTX_set_default_passwd_cb(context, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, (void *)(uintptr_t)password);
    bool certificate_ok = SSL_CTX_use_certificate_chain_file(context, certificate) == 1;
    bool key_ok =
        certificate_ok && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (!certificate_ok)
        return fail("certificate", certificate, message, message_size);
    if (!key_ok)
        return fail("private key", key, message, message_size);
    return true;
}

static bool load_authorities(SSL_CTX *context, const struct configuration *configuration,
                             const struct tls_keys *keys, char *message, size_t message_size)
{
    const char *path = configuration_text(configuration, keys->cacertfile);
    if (path[0] == '\0')
        return true;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (!names || SSL_CTX_load_verify_locations(context, path, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail("authorities", path, message, message_size);
    }
    SSL_CTX_set_client_CA_list(context, names);
    return true;
}

static void set_verification(SSL_CTX *context, const struct configuration *configuration,
                             const struct tls_keys *keys)
{
    static const unsigned char session_context[] = "bilby";
    int mode = SSL_VERIFY_NONE;
    if (strcmp(configuration_text(configuration, keys->verify), "verify_peer") == 0)
        mode = SSL_VERIFY_PEER;
    if (mode == SSL_VERIFY_PEER && configuration_number(configuration, keys->fail_if_no_peer_cert))
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, mode, NULL);
    SSL_CTX_set_verify_depth(context, (int)configuration_number(configuration, CONFIG_SSL_DEPTH));
    SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1);
}

static void set_versions(SSL_CTX *context, const struct configuration *configuration)
{
    size_t count;
    const struct config_item *items =
        configuration_list(configuration, CONFIG_SSL_VERSIONS, &count);
    bool allowed[2] = {false, false}; /* in the order of the row's choices: 1.2, 1.3 */
    for (size_t i = 0; i < count; i++)
        allowed[items[i].number] = true;
    SSL_CTX_set_min_proto_version(context, allowed[0] ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context, allowed[1] ? TLS1_3_VERSION : TLS1_2_VERSION);
}

/* Of TLS 1.2, unless configured: those with forward secrecy and authenticated encryption. */
#define CIPHERS_DEFAULT "ECDHE+AESGCM:ECDHE+CHACHA20"

/* OpenSSL keeps the suites of TLS 1.3, whose names begin with "TLS_", apart from the others. */
static bool set_ciphers(SSL_CTX *context, const struct configuration *configuration, char *message,
                        size_t message_size)
{
    size_t count;
    const struct config_item *items = configuration_list(configuration, CONFIG_SSL_CIPHERS, &count);
    struct buf old = BUF_INIT, new = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        struct buf *list = strncmp(items[i].text, "TLS_", 4) == 0 ? &new : &old;
        buf_printf(list, "%s%s", list->len ? ":" : "", items[i].text);
    }
    if (old.len == 0)
        buf_add_str(&old, CIPHERS_DEFAULT);
    bool ok = SSL_CTX_set_cipher_list(context, buf_cstr(&old)) == 1 &&
              (new.len == 0 || SSL_CTX_set_ciphersuites(context, buf_cstr(&new)) == 1);
    buf_fini(&old);
    buf_fini(&new);
    if (!ok) {
        ERR_clear_error();
        snprintf(message, message_size, "'ssl_options.ciphers' names no suite that OpenSSL knows");
    }
    return ok;
}

enum err tls_context_new(const struct configuration *configuration, enum tls_use use, SSL_CTX **out,
                         char *message, size_t message_size)
{
    struct tls_keys keys = keys_of(configuration, use);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    CHECK(context);
    uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
    if (configuration_number(configuration, CONFIG_SSL_HONOR_CIPHER_ORDER))
        options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
    SSL_CTX_set_options(context, options);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    /* Resumption is by tickets, so the server remembers nothing about those who left. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    set_verification(context, configuration, &keys);
    set_versions(context, configuration);
    if (load_identity(context, configuration, &keys, message, message_size) &&
        load_authorities(context, configuration, &keys, message, message_size) &&
        set_ciphers(context, configuration, message, message_size)) {
        *out = context;
        return ERR_OK;
    }
    SSL_CTX_free(context);
    return ERR_INVALID;
}

bool tls_wanted(const struct configuration *configuration, enum tls_use use)
{
    if (use == TLS_MANAGEMENT)
        return configuration_number(configuration, CONFIG_MANAGEMENT_SSL_PORT) > 0;
    return configuration_given(configuration, CONFIG_SSL_CERTFILE) &&
           configuration_given(configuration, CONFIG_SSL_KEYFILE);
}

enum err tls_contexts_new(const struct configuration *configuration, SSL_CTX **amqp,
                          SSL_CTX **management, char *message, size_t message_size)
{
    enum err error = ERR_OK;
    *amqp = NULL;
    *management = NULL;
    if (tls_wanted(configuration, TLS_AMQP))
        error = tls_context_new(configuration, TLS_AMQP, amqp, message, message_size);
    if (error == ERR_OK && tls_wanted(configuration, TLS_MANAGEMENT))
        error = tls_context_new(configuration, TLS_MANAGEMENT, management, message, message_size);
    if (error != ERR_OK) {
        SSL_CTX_free(*amqp);
        *amqp = NULL;
    }
    return error;
}

static int64_t expires_s(const X509 *certificate)
{
    struct tm parts = {0};

    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) == 1 ? timegm(&parts) : 0;
}

int64_t tls_expires_s(SSL_CTX *context)
{
    const X509 *own = context ? SSL_CTX_get0_certificate(context) : NULL;
    STACK_OF(X509) *chain = NULL;

    if (!own)
        return 0;
    int64_t first = expires_s(own);
    SSL_CTX_get0_chain_certs(context, &chain);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t one = expires_s(sk_X509_value(chain, i));
        first = one < first ? one : first;
    }
    return first;
}
