/* SPDX-License-Identifier: Apache-2.0 */
/* Salted password hashes. [rabbitmq: passwords.md]
 *
 * (1) password_verify() always computes one digest and compares it whole, so that its time tells
 *     neither whether the user exists nor how much of the hash agrees.
 */
#include "broker/password.h"

#include "base/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SALT_LEN 4

struct algorithm {
    const char *name;
    size_t digest_len;
    const EVP_MD *(*digest)(void);
};

static const struct algorithm *algorithm_of(enum password_algorithm algorithm)
{
#define PASSWORD_DIGEST_SHA256 EVP_sha256
#define PASSWORD_DIGEST_SHA512 EVP_sha512
#define PASSWORD_DIGEST_MD5 EVP_md5
    static const struct algorithm algorithms[] = {
#define X(name, text, len) [PASSWORD_##name] = {(text), (len), PASSWORD_DIGEST_##name},
        PASSWORD_ALGORITHM_TABLE(X)
#undef X
    };

    CHECK((size_t)algorithm < ARRAY_LEN(algorithms));
    return &algorithms[algorithm];
}

bool password_algorithm_parse(struct slice name, enum password_algorithm *algorithm)
{
#define X(constant, text, len)                                                                     \
    if (slice_equal_str(name, text)) {                                                             \
        *algorithm = PASSWORD_##constant;                                                          \
        return true;                                                                               \
    }
    PASSWORD_ALGORITHM_TABLE(X)
#undef X
    return false;
}

const char *password_algorithm_name(enum password_algorithm algorithm)
{
    return algorithm_of(algorithm)->name;
}

static void digest(const struct algorithm *algorithm, const uint8_t salt[SALT_LEN],
                   struct slice password, uint8_t out[EVP_MAX_MD_SIZE])
{
    unsigned len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    CHECK(context);
    CHECK(EVP_DigestInit_ex(context, algorithm->digest(), NULL) == 1);
    CHECK(EVP_DigestUpdate(context, salt, SALT_LEN) == 1);
    CHECK(EVP_DigestUpdate(context, password.data, password.len) == 1);
    CHECK(EVP_DigestFinal_ex(context, out, &len) == 1);
    CHECK(len == algorithm->digest_len);
    EVP_MD_CTX_free(context);
}

char *password_hash(enum password_algorithm algorithm, struct rng *rng, struct slice password)
{
    const struct algorithm *chosen = algorithm_of(algorithm);
    uint8_t salted[SALT_LEN + EVP_MAX_MD_SIZE];
    struct buf text = BUF_INIT;

    rng_bytes(rng, salted, SALT_LEN);
    digest(chosen, salted, password, salted + SALT_LEN);
    base64_encode(&text, slice_of(salted, SALT_LEN + chosen->digest_len));
    char *hash = slice_dup(buf_slice(&text));
    buf_fini(&text);
    return hash;
}

/* Salt and digest of a hash's text into `salted`, which has room for both. */
static bool decode(const struct algorithm *algorithm, struct slice hash, uint8_t *salted)
{
    struct buf bytes = BUF_INIT;

    bool valid =
        base64_decode(&bytes, hash) == ERR_OK && bytes.len == SALT_LEN + algorithm->digest_len;
    if (valid)
        memcpy(salted, bytes.data, bytes.len);
    buf_fini(&bytes);
    return valid;
}

bool password_hash_valid(enum password_algorithm algorithm, struct slice hash)
{
    uint8_t salted[SALT_LEN + EVP_MAX_MD_SIZE];

    return decode(algorithm_of(algorithm), hash, salted);
}

bool password_verify(enum password_algorithm algorithm, struct slice hash, struct slice password)
{
    const struct algorithm *chosen = algorithm_of(algorithm);
    uint8_t salted[SALT_LEN + EVP_MAX_MD_SIZE] = {0};
    uint8_t computed[EVP_MAX_MD_SIZE];

    bool valid = decode(chosen, hash, salted);
    digest(chosen, salted, password, computed);
    bool equal = CRYPTO_memcmp(salted + SALT_LEN, computed, chosen->digest_len) == 0;
    OPENSSL_cleanse(computed, sizeof(computed));
    return valid && equal && password.len > 0;
}
