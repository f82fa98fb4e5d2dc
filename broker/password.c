/* SPDX-License-Identifier: Apache-2.0 */
/* Salted password hashes. [rabbitmq: passwords.md; RFC 8018 section 5.2]
 *
 * (1) password_verify() always computes one whole digest and compares it whole, so that its time
 *     doesn't tell how much of the hash agrees.
 * (2) A job that ends with "wrong" has done the work of the node's own algorithm at least once,
 *     whether the user exists and however its hash was made: its time tells neither.
 */
#include "broker/password.h"

#include "base/base64.h"
#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define HEAD_MAX (4 + PASSWORD_SALT_MAX) /* iterations and salt */

struct algorithm {
    const char *name;
    size_t iterations_len;
    size_t salt_len;
    size_t digest_len;
};

/* A hash's text, taken apart. */
struct parts {
    uint32_t iterations;
    uint8_t salt[PASSWORD_SALT_MAX];
    uint8_t digest[EVP_MAX_MD_SIZE];
};

static const struct algorithm *algorithm_of(enum password_algorithm algorithm)
{
    static const struct algorithm algorithms[] = {
#define X(name, text, iterations, salt, digest)                                                    \
    [PASSWORD_##name] = {(text), (iterations), (salt), (digest)},
        PASSWORD_ALGORITHM_TABLE(X)
#undef X
    };

    CHECK((size_t)algorithm < ARRAY_LEN(algorithms));
    return &algorithms[algorithm];
}

bool password_algorithm_parse(struct slice name, enum password_algorithm *algorithm)
{
#define X(constant, text, iterations, salt, digest)                                                \
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

/* ---- digests ---- */

static void digest(const EVP_MD *type, const struct parts *parts, size_t salt_len,
                   struct slice password, uint8_t out[EVP_MAX_MD_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    CHECK(context);
    CHECK(EVP_DigestInit_ex(context, type, NULL) == 1);
    CHECK(EVP_DigestUpdate(context, parts->salt, salt_len) == 1);
    CHECK(EVP_DigestUpdate(context, password.data, password.len) == 1);
    CHECK(EVP_DigestFinal_ex(context, out, NULL) == 1);
    EVP_MD_CTX_free(context);
}

static void derive(const struct parts *parts, size_t salt_len, size_t key_len,
                   struct slice password, uint8_t out[EVP_MAX_MD_SIZE])
{
    char name[] = "SHA512";
    uint32_t iterations = parts->iterations;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
    CHECK(kdf);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    CHECK(context);
    /* The parameters are not written to, but OpenSSL's type has no const. */
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password.data,
                                          password.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)parts->salt,
                                          salt_len),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &iterations),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    CHECK(EVP_KDF_derive(context, out, key_len, parameters) == 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static void compute(enum password_algorithm algorithm, const struct parts *parts,
                    struct slice password, uint8_t out[EVP_MAX_MD_SIZE])
{
    const struct algorithm *chosen = algorithm_of(algorithm);

    /* Neither digests nor keys may be asked about a pointer to nothing. */
    if (!password.len)
        password = slice_str("");
    switch (algorithm) {
    case PASSWORD_SHA256:
        digest(EVP_sha256(), parts, chosen->salt_len, password, out);
        return;
    case PASSWORD_SHA512:
        digest(EVP_sha512(), parts, chosen->salt_len, password, out);
        return;
    case PASSWORD_MD5:
        digest(EVP_md5(), parts, chosen->salt_len, password, out);
        return;
    case PASSWORD_PBKDF2:
        derive(parts, chosen->salt_len, chosen->digest_len, password, out);
        return;
    }
    UNREACHABLE();
}

/* ---- texts ---- */

static char *encode(enum password_algorithm algorithm, const struct parts *parts)
{
    const struct algorithm *chosen = algorithm_of(algorithm);
    struct buf bytes = BUF_INIT;
    struct buf text = BUF_INIT;

    if (chosen->iterations_len)
        buf_add_u32(&bytes, parts->iterations);
    buf_add(&bytes, parts->salt, chosen->salt_len);
    buf_add(&bytes, parts->digest, chosen->digest_len);
    base64_encode(&text, buf_slice(&bytes));
    char *hash = slice_dup(buf_slice(&text));
    buf_fini(&bytes);
    buf_fini(&text);
    return hash;
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool take_apart(const struct algorithm *algorithm, const uint8_t *bytes, struct parts *parts)
{
    if (algorithm->iterations_len) {
        parts->iterations = read_u32(bytes);
        if (parts->iterations == 0 || parts->iterations > PASSWORD_ITERATIONS_MAX)
            return false;
        bytes += algorithm->iterations_len;
    }
    memcpy(parts->salt, bytes, algorithm->salt_len);
    memcpy(parts->digest, bytes + algorithm->salt_len, algorithm->digest_len);
    return true;
}

static bool decode(const struct algorithm *algorithm, struct slice hash, struct parts *parts)
{
    struct buf bytes = BUF_INIT;
    size_t len = algorithm->iterations_len + algorithm->salt_len + algorithm->digest_len;

    CHECK(algorithm->iterations_len + algorithm->salt_len <= HEAD_MAX);
    bool valid = base64_decode(&bytes, hash) == ERR_OK && bytes.len == len &&
                 take_apart(algorithm, bytes.data, parts);
    buf_fini(&bytes);
    return valid;
}

/* ---- hashes ---- */

static char *make(const struct password_hashing *hashing, const uint8_t salt[PASSWORD_SALT_MAX],
                  struct slice password)
{
    struct parts parts = {.iterations = hashing->iterations};

    memcpy(parts.salt, salt, PASSWORD_SALT_MAX);
    compute(hashing->algorithm, &parts, password, parts.digest);
    char *hash = encode(hashing->algorithm, &parts);
    OPENSSL_cleanse(&parts, sizeof(parts));
    return hash;
}

char *password_hash(const struct password_hashing *hashing, struct rng *rng, struct slice password)
{
    uint8_t salt[PASSWORD_SALT_MAX];

    rng_bytes(rng, salt, sizeof(salt));
    return make(hashing, salt, password);
}

char *password_decoy(const struct password_hashing *hashing, struct rng *rng)
{
    struct parts parts = {.iterations = hashing->iterations};

    rng_bytes(rng, parts.salt, sizeof(parts.salt));
    rng_bytes(rng, parts.digest, sizeof(parts.digest));
    return encode(hashing->algorithm, &parts);
}

bool password_hash_valid(enum password_algorithm algorithm, struct slice hash)
{
    struct parts parts;

    return decode(algorithm_of(algorithm), hash, &parts);
}

bool password_verify(enum password_algorithm algorithm, struct slice hash, struct slice password)
{
    const struct algorithm *chosen = algorithm_of(algorithm);
    struct parts parts = {.iterations = 1};
    uint8_t computed[EVP_MAX_MD_SIZE];

    bool valid = decode(chosen, hash, &parts);
    compute(algorithm, &parts, password, computed);
    bool equal = CRYPTO_memcmp(parts.digest, computed, chosen->digest_len) == 0;
    OPENSSL_cleanse(computed, sizeof(computed));
    return valid && equal && password.len > 0;
}

/* ---- jobs ---- */

static void copy_password(struct password_job *job, struct slice password)
{
    job->password = slice_dup(password);
    job->password_len = password.len;
}

void password_job_make(struct password_job *job, const struct password_hashing *hashing,
                       struct rng *rng, struct slice password)
{
    *job = (struct password_job){.hashing = *hashing};
    rng_bytes(rng, job->salt, sizeof(job->salt));
    copy_password(job, password);
}

void password_job_check(struct password_job *job, enum password_algorithm algorithm,
                        struct slice hash, const struct password_hashing *hashing,
                        struct slice decoy, struct slice password)
{
    *job = (struct password_job){
        .hashing = *hashing,
        .check = true,
        .algorithm = algorithm,
        .hash = slice_dup(hash),
        .decoy = algorithm == hashing->algorithm && hash.len ? NULL : slice_dup(decoy),
    };
    copy_password(job, password);
}

void password_job_run(struct password_job *job)
{
    struct slice password = slice_of(job->password, job->password_len);

    if (!job->check) {
        job->hash = make(&job->hashing, job->salt, password);
        return;
    }
    job->right = password_verify(job->algorithm, slice_str(job->hash), password);
    if (!job->right && job->decoy)
        (void)password_verify(job->hashing.algorithm, slice_str(job->decoy), password);
}

void password_job_fini(struct password_job *job)
{
    if (job->password)
        OPENSSL_cleanse(job->password, job->password_len);
    mem_free(job->password);
    mem_free(job->hash);
    mem_free(job->decoy);
    *job = (struct password_job){0};
}
