/* SPDX-License-Identifier: Apache-2.0 */
/* The user's name from a client's certificate. */
#include "base/buf.h"
#include "base/mem.h"
#include "server/configuration.h"
#include "server/tls.h"

#include <openssl/x509v3.h>

#include <arpa/inet.h>

#define LOGIN_MAX 255 /* user names are short strings; longer ones name nobody */

struct tls_login_rule tls_login_rule(const struct configuration *configuration)
{
    /* In the order of the row's choices; subject_alt_name is another spelling. */
    static const enum tls_login_source sources[] = {TLS_LOGIN_DN, TLS_LOGIN_CN, TLS_LOGIN_SAN,
                                                    TLS_LOGIN_SAN};
    static const enum tls_san_type types[] = {TLS_SAN_DNS, TLS_SAN_IP, TLS_SAN_EMAIL, TLS_SAN_URI};
    return (struct tls_login_rule){
        .source = sources[configuration_number(configuration, CONFIG_SSL_LOGIN_FROM)],
        .san_type = types[configuration_number(configuration, CONFIG_SSL_SAN_TYPE)],
        .san_index = (size_t)configuration_number(configuration, CONFIG_SSL_SAN_INDEX),
    };
}

/* A usable name: not empty, not too long, and without a zero byte that would cut it short for
 * whoever compares it as a C string. */
static char *login_from(struct slice name)
{
    if (name.len == 0 || name.len > LOGIN_MAX || memchr(name.data, '\0', name.len))
        return NULL;
    return slice_dup(name);
}

static char *from_dn(const X509 *certificate)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *data;
    CHECK(out);
    /* RFC 2253's order and escapes, but UTF-8 as it is [RFC 4514 §2.4]. */
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, flags);
    long len = BIO_get_mem_data(out, &data);
    char *login = login_from(slice_of(data, len > 0 ? (size_t)len : 0));
    BIO_free(out);
    return login;
}

/* All common names with commas between, as RabbitMQ has them. */
static char *from_cn(const X509 *certificate)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    struct buf name = BUF_INIT;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
        unsigned char *utf8 = NULL;
        int len =
            ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        if (len < 0)
            continue;
        if (name.len > 0)
            buf_add_str(&name, ",");
        buf_add(&name, utf8, (size_t)len);
        OPENSSL_free(utf8);
    }
    char *login = login_from(buf_slice(&name));
    buf_fini(&name);
    return login;
}

static char *text_of(const ASN1_STRING *string)
{
    return login_from(slice_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string)));
}

static char *address_of(const ASN1_OCTET_STRING *address)
{
    char text[INET6_ADDRSTRLEN];
    int len = ASN1_STRING_length(address);
    if (len != 4 && len != 16)
        return NULL;
    inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof(text));
    return login_from(slice_str(text));
}

static bool is_of_type(const GENERAL_NAME *name, enum tls_san_type type)
{
    static const int types[] = {
        [TLS_SAN_DNS] = GEN_DNS,
        [TLS_SAN_IP] = GEN_IPADD,
        [TLS_SAN_EMAIL] = GEN_EMAIL,
        [TLS_SAN_URI] = GEN_URI,
    };
    return name->type == types[type];
}

static char *from_san(const X509 *certificate, const struct tls_login_rule *rule)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t seen = 0;
    char *login = NULL;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (!is_of_type(name, rule->san_type) || seen++ != rule->san_index)
            continue;
        login = rule->san_type == TLS_SAN_IP ? address_of(name->d.iPAddress) : text_of(name->d.ia5);
        break;
    }
    GENERAL_NAMES_free(names);
    return login;
}

char *tls_login_of(const X509 *certificate, const struct tls_login_rule *rule)
{
    switch (rule->source) {
    case TLS_LOGIN_DN:
        return from_dn(certificate);
    case TLS_LOGIN_CN:
        return from_cn(certificate);
    case TLS_LOGIN_SAN:
        return from_san(certificate, rule);
    }
    UNREACHABLE();
}

char *tls_login(const SSL *ssl, const struct tls_login_rule *rule)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (!certificate || !(SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) ||
        SSL_get_verify_result(ssl) != X509_V_OK)
        return NULL;
    return tls_login_of(certificate, rule);
}
