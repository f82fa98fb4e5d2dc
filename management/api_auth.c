/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in: which ways there are, whether a password is right, how often it was tried. */
#include "base/mem.h"
#include "broker/password.h"
#include "management/list.h"
#include "management/node.h"

/* Clients ask before they know a password: there is no other way than name and password. */
void auth_get(struct call *call)
{
    call_json(call, json_pack("{s:b, s:s, s:s}", "oauth_enabled", 0, "oauth_client_id", "",
                              "oauth_provider_url", ""));
}

/* The form's password was right, or nobody would come here. RabbitMQ sets a cookie that holds it;
 * nothing reads one here, so none is set. */
void login_post(struct call *call)
{
    call_json(call, json_string("ok"));
}

/* ---- attempts ---- */

static json_t *attempts_row(const char *protocol, const struct login_counts *counts)
{
    json_t *row = json_object();

    json_put(row, "protocol", json_string(protocol));
    json_put_number(row, "auth_attempts", counts->succeeded + counts->failed);
    json_put_number(row, "auth_attempts_failed", counts->failed);
    json_put_number(row, "auth_attempts_succeeded", counts->succeeded);
    return row;
}

void auth_attempts_get(struct call *call)
{
    static const char *const sorts[] = {"protocol", NULL};

    if (!node_check(call))
        return;
    json_t *rows = json_array();
    json_array_append_new(rows, attempts_row("amqp091", &call->broker->logins));
    json_array_append_new(rows, attempts_row("http", &call->management->logins));
    list_answer(call, rows, sorts);
}

/* Addresses and names of those who tried are not kept: RabbitMQ keeps none either unless told to. */
void auth_attempts_sources_get(struct call *call)
{
    if (node_check(call))
        call_json(call, json_array());
}

void auth_attempts_delete(struct call *call)
{
    if (!node_check(call))
        return;
    call->broker->logins = (struct login_counts){0};
    call->management->logins = (struct login_counts){0};
    call_empty(call, 204);
}

/* ---- hashes ---- */

void hash_password_get(struct call *call)
{
    /* RabbitMQ's form, whatever new passwords are hashed with here: it takes no time, and whoever
     * asks wants something for a definitions file. */
    const struct password_hashing hashing = {.algorithm = PASSWORD_DEFAULT};
    char *hash = password_hash(&hashing, &call->broker->rng, call_arg(call, "password"));

    call_json(call, json_pack("{s:s}", "ok", hash));
    mem_free(hash);
}
