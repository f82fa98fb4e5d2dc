/* SPDX-License-Identifier: Apache-2.0 */
/* Users' names from certificates that are made here. */
#include "base/mem.h"
#include "server/tls.h"
#include "tests/support/suite.h"

#include <openssl/x509v3.h>

static X509 *certificate;

static void setup(void)
{
    certificate = X509_new();
}

static void teardown(void)
{
    X509_free(certificate);
}

static void add_part(const char *field, const char *value, int len)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                                (const unsigned char *)value, len, -1, 0),
                     1);
}

static void add_alternatives(const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, NULL, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, value);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void assert_login(struct tls_login_rule rule, const char *expected)
{
    char *login = tls_login_of(certificate, &rule);
    ck_assert_pstr_eq(login, expected);
    mem_free(login);
}

static struct tls_login_rule san(enum tls_san_type type, size_t index)
{
    return (struct tls_login_rule){TLS_LOGIN_SAN, type, index};
}

static const struct tls_login_rule by_cn = {.source = TLS_LOGIN_CN};
static const struct tls_login_rule by_dn = {.source = TLS_LOGIN_DN};

START_TEST(the_distinguished_name_begins_at_its_end)
{
    add_part("O", "Bilby", -1);
    add_part("OU", "Burrow", -1);
    add_part("CN", "ann", -1);
    assert_login(by_dn, "CN=ann,OU=Burrow,O=Bilby");
}
END_TEST

START_TEST(the_distinguished_name_is_escaped_but_utf8_stays)
{
    add_part("O", "Inc, Ltd + \"friends\"", -1);
    add_part("CN", "Zoë", -1);
    assert_login(by_dn, "CN=Zoë,O=Inc\\, Ltd \\+ \\\"friends\\\"");
}
END_TEST

START_TEST(common_names)
{
    assert_login(by_cn, NULL);
    add_part("CN", "ann", -1);
    assert_login(by_cn, "ann");
    add_part("CN", "second", -1);
    assert_login(by_cn, "ann,second");
}
END_TEST

/* "admin\0.evil": cut short at the zero it would be somebody else. */
START_TEST(a_name_with_a_zero_byte_is_nobodys)
{
    add_part("CN", "admin\0.evil", 11);
    assert_login(by_cn, NULL);
}
END_TEST

START_TEST(an_endless_name_is_nobodys)
{
    char part[60];
    memset(part, 'x', sizeof(part));
    for (int i = 0; i < 5; i++)
        add_part("CN", part, sizeof(part));
    assert_login(by_cn, NULL);
}
END_TEST

START_TEST(alternative_names_by_type_and_index)
{
    add_alternatives("DNS:one.example,email:ann@example.org,DNS:two.example,IP:10.1.2.3,"
                     "IP:2001:db8::1,URI:urn:ann");
    assert_login(san(TLS_SAN_DNS, 0), "one.example");
    assert_login(san(TLS_SAN_DNS, 1), "two.example");
    assert_login(san(TLS_SAN_DNS, 2), NULL);
    assert_login(san(TLS_SAN_EMAIL, 0), "ann@example.org");
    assert_login(san(TLS_SAN_IP, 0), "10.1.2.3");
    assert_login(san(TLS_SAN_IP, 1), "2001:db8::1");
    assert_login(san(TLS_SAN_URI, 0), "urn:ann");
}
END_TEST

START_TEST(without_alternative_names)
{
    assert_login(san(TLS_SAN_DNS, 0), NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_distinguished_name_begins_at_its_end,
        the_distinguished_name_is_escaped_but_utf8_stays,
        common_names,
        a_name_with_a_zero_byte_is_nobodys,
        an_endless_name_is_nobodys,
        alternative_names_by_type_and_index,
        without_alternative_names,
    };
    return suite_run("tls_login", setup, teardown, tests, ARRAY_LEN(tests));
}
