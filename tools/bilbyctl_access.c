/* SPDX-License-Identifier: Apache-2.0 */
/* Users, their passwords and tags; limits of users and virtual hosts. */
#include "base/base64.h"
#include "tools/bilbyctl_file.h"
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>

#define SALT_BYTES 4 /* RabbitMQ's format: the salt, then SHA-256 of salt and password */

/* The argument "password", or a line of standard input. */
static enum ctl_status read_password(const struct ctl *ctl, struct buf *password)
{
    const char *given = ctl_line_value(&ctl->line, "password");

    if (given) {
        buf_add_str(password, given);
        return CTL_STATUS_OK;
    }
    return ctl_secret_read(password, "Password");
}

static enum ctl_status check_password(const struct buf *password)
{
    json_t *text = json_stringn((const char *)password->data, password->len);

    json_decref(text);
    if (password->len == 0)
        return ctl_complain(CTL_STATUS_DATA, "the password must not be empty");
    return text ? CTL_STATUS_OK : ctl_complain(CTL_STATUS_DATA, "the password is no UTF-8");
}

/* ---- making and changing ---- */

/* Reads the password into the request's body. */
static enum ctl_status put_password(const struct ctl *ctl, struct ctl_request *request)
{
    struct buf password = BUF_INIT;

    enum ctl_status status = read_password(ctl, &password);
    if (status == CTL_STATUS_OK)
        status = check_password(&password);
    if (status == CTL_STATUS_OK)
        json_object_set_new(request->body, "password",
                            json_stringn((const char *)password.data, password.len));
    buf_fini(&password);
    return status;
}

/* A PUT on a user that is there would change its password. */
static enum ctl_status check_absent(struct ctl *ctl, struct ctl_request *request)
{
    const struct ctl_question question = {.method = "GET", .path = buf_cstr(&request->path)};
    const char *user = ctl_line_value(&ctl->line, "user");
    struct ctl_answer answer;

    if (!ctl_client_ask(ctl->client, &question, &answer))
        return ctl_complain(CTL_STATUS_UNAVAILABLE, "%s", ctl_client_failure(ctl->client));
    json_decref(answer.document);
    if (answer.status == 200)
        return ctl_complain(CTL_STATUS_DATA,
                            "there is a user \"%s\" (change_password, set_user_tags change it)",
                            user);
    return CTL_STATUS_OK;
}

enum ctl_status verb_add_user(struct ctl *ctl)
{
    struct ctl_request request;

    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    if (status == CTL_STATUS_OK)
        status = check_absent(ctl, &request);
    if (status == CTL_STATUS_OK)
        status = put_password(ctl, &request);
    if (status == CTL_STATUS_OK)
        status = ctl_request_send(ctl, &request, NULL);
    ctl_request_fini(&request);
    if (status == CTL_STATUS_OK)
        ctl_say_done(ctl);
    return status;
}

/* Copies into the body what the user has and the command does not change: the API replaces all. */
static enum ctl_status keep(struct ctl *ctl, struct ctl_request *request,
                            const char *const *members)
{
    json_t *user;

    const struct ctl_question question = {
        .method = "GET", .path = buf_cstr(&request->path), .about = buf_cstr(&request->about)};
    enum ctl_status status = ctl_client_call(ctl->client, &question, &user);
    if (!request->body)
        request->body = json_object();
    for (; status == CTL_STATUS_OK && *members; members++)
        json_object_set(request->body, *members, json_object_get(user, *members));
    json_decref(user);
    return status;
}

/* Changes a user: keeps the named members, then `change` sets the others. */
static enum ctl_status change_user(struct ctl *ctl, const char *const *kept,
                                   enum ctl_status (*change)(const struct ctl *ctl,
                                                             struct ctl_request *request))
{
    struct ctl_request request;

    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    if (status == CTL_STATUS_OK)
        status = keep(ctl, &request, kept);
    if (status == CTL_STATUS_OK)
        status = change(ctl, &request);
    if (status == CTL_STATUS_OK)
        status = ctl_request_send(ctl, &request, NULL);
    ctl_request_fini(&request);
    if (status == CTL_STATUS_OK)
        ctl_say_done(ctl);
    return status;
}

static const char *const keep_tags[] = {"tags", NULL};
static const char *const keep_password[] = {"password_hash", "hashing_algorithm", NULL};

enum ctl_status verb_change_password(struct ctl *ctl)
{
    return change_user(ctl, keep_tags, put_password);
}

static enum ctl_status put_no_password(const struct ctl *ctl, struct ctl_request *request)
{
    (void)ctl;
    json_object_set_new(request->body, "password_hash", json_string(""));
    return CTL_STATUS_OK;
}

enum ctl_status verb_clear_password(struct ctl *ctl)
{
    return change_user(ctl, keep_tags, put_no_password);
}

static enum ctl_status put_tags(const struct ctl *ctl, struct ctl_request *request)
{
    struct buf tags = BUF_INIT;

    for (size_t i = 0; i < ctl->line.rest_count; i++)
        buf_printf(&tags, "%s%s", i ? "," : "", ctl->line.rest[i]);
    json_t *text = json_string(buf_cstr(&tags));
    buf_fini(&tags);
    if (!text)
        return ctl_complain(CTL_STATUS_DATA, "a tag is no UTF-8");
    json_object_set_new(request->body, "tags", text);
    return CTL_STATUS_OK;
}

enum ctl_status verb_set_user_tags(struct ctl *ctl)
{
    return change_user(ctl, keep_password, put_tags);
}

/* ---- passwords ---- */

/* The API refuses users without a management tag, but only after their password was right. */
static enum ctl_status try_password(struct ctl *ctl, const char *user, const char *password)
{
    const struct ctl_question question = {.method = "GET", .path = "/whoami", .about = "user"};
    struct ctl_answer answer;

    ctl_client_login(ctl->client, user, password);
    if (!ctl_client_ask(ctl->client, &question, &answer))
        return ctl_complain(CTL_STATUS_UNAVAILABLE, "%s", ctl_client_failure(ctl->client));
    const char *error = json_string_value(json_object_get(answer.document, "error"));
    bool right = answer.status == 200 || (error && strcmp(error, "not_authorised") == 0);
    json_decref(answer.document);
    if (!right)
        return ctl_complain(CTL_STATUS_REFUSED, "this is not the password of a user \"%s\"", user);
    return CTL_STATUS_OK;
}

enum ctl_status verb_authenticate_user(struct ctl *ctl)
{
    struct buf password = BUF_INIT;

    enum ctl_status status = read_password(ctl, &password);
    if (status == CTL_STATUS_OK)
        status = try_password(ctl, ctl_line_value(&ctl->line, "user"), buf_cstr(&password));
    buf_fini(&password);
    if (status == CTL_STATUS_OK)
        ctl_say_done(ctl);
    return status;
}

static void add_hash(struct buf *out, const struct buf *password)
{
    struct buf salted = BUF_INIT, hash = BUF_INIT;
    unsigned len;

    CHECK(RAND_bytes(buf_reserve(&salted, SALT_BYTES), SALT_BYTES) == 1);
    salted.len = SALT_BYTES;
    buf_add_slice(&hash, buf_slice(&salted));
    buf_add_slice(&salted, buf_slice(password));
    CHECK(EVP_Digest(salted.data, salted.len, buf_reserve(&hash, EVP_MAX_MD_SIZE), &len,
                     EVP_sha256(), NULL) == 1);
    hash.len += len;
    base64_encode(out, buf_slice(&hash));
    buf_fini(&hash);
    buf_fini(&salted);
}

enum ctl_status verb_hash_password(struct ctl *ctl)
{
    struct buf password = BUF_INIT, text = BUF_INIT;

    enum ctl_status status = read_password(ctl, &password);
    if (status == CTL_STATUS_OK)
        status = check_password(&password);
    if (status == CTL_STATUS_OK) {
        add_hash(&text, &password);
        buf_add_u8(&text, '\n');
        status = ctl_print(&text);
    }
    buf_fini(&text);
    buf_fini(&password);
    return status;
}

/* ---- limits ---- */

/* METHOD on the request's path with a limit's name behind it. */
static enum ctl_status send_limit(struct ctl *ctl, const struct ctl_request *request,
                                  const char *method, const char *limit, json_t *value)
{
    struct buf path = BUF_INIT, about = BUF_INIT;
    json_t *body = value ? json_pack("{s:O}", "value", value) : NULL;

    buf_add_slice(&path, buf_slice(&request->path));
    buf_add_u8(&path, '/');
    ctl_encode(&path, limit);
    buf_printf(&about, "%.*s, or no limit \"%s\"", SLICE_FMT(buf_slice(&request->about)), limit);
    const struct ctl_question question = {
        .method = method, .path = buf_cstr(&path), .body = body, .about = buf_cstr(&about)};
    enum ctl_status status = ctl_client_call(ctl->client, &question, NULL);
    json_decref(body);
    buf_fini(&about);
    buf_fini(&path);
    return status;
}

enum ctl_status verb_set_limits(struct ctl *ctl)
{
    json_error_t error;
    json_t *limits = json_loads(ctl_line_value(&ctl->line, "definition"), 0, &error);
    struct ctl_request request;
    const char *name;
    json_t *value;

    if (!json_is_object(limits)) {
        json_decref(limits);
        return ctl_complain(CTL_STATUS_DATA, "the limits are no JSON object: %s",
                            ctl_line_value(&ctl->line, "definition"));
    }
    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    json_object_foreach(limits, name, value)
    {
        if (status == CTL_STATUS_OK)
            status = send_limit(ctl, &request, "PUT", name, value);
    }
    json_decref(limits);
    ctl_request_fini(&request);
    if (status == CTL_STATUS_OK)
        ctl_say_done(ctl);
    return status;
}

/* All that the answer to the row's request shows. */
static enum ctl_status clear_all(struct ctl *ctl, struct ctl_request *request)
{
    json_t *rows, *value;
    const char *name;

    enum ctl_status status = ctl_request_send(ctl, request, &rows);
    json_t *limits = json_object_get(json_array_get(rows, 0), "value");
    json_object_foreach(limits, name, value)
    {
        if (status == CTL_STATUS_OK)
            status = send_limit(ctl, request, "DELETE", name, NULL);
    }
    json_decref(rows);
    return status;
}

enum ctl_status verb_clear_limits(struct ctl *ctl)
{
    const char *limit = ctl_line_value(&ctl->line, "limit");
    struct ctl_request request;

    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    if (status == CTL_STATUS_OK && limit && strcmp(limit, "all") != 0)
        status = send_limit(ctl, &request, "DELETE", limit, NULL);
    else if (status == CTL_STATUS_OK)
        status = clear_all(ctl, &request);
    ctl_request_fini(&request);
    if (status == CTL_STATUS_OK)
        ctl_say_done(ctl);
    return status;
}
