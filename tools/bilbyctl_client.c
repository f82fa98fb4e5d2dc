/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP by libcurl, JSON by jansson; what went wrong, in words. */
#include "tools/bilbyctl_client.h"

#include "base/mem.h"
#include "config.h"
#include "tools/bilbyctl_file.h"

#include <curl/curl.h>
#include <stdlib.h>

#define CONNECT_SECONDS 10L
#define ANSWER_BYTES_MAX ((size_t)1 << 30) /* definitions and lists of a million objects fit */

struct ctl_client {
    CURL *curl;
    struct buf base; /* "https://host:15671/api" */
    struct buf password;
    char *user;
    struct buf body; /* of the last answer */
    char failure[CURL_ERROR_SIZE + 512];
    char detail[CURL_ERROR_SIZE];
};

void ctl_encode(struct buf *out, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    for (; *text; text++) {
        if (strchr(plain, *text))
            buf_add_u8(out, (uint8_t)*text);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

/* ---- setting up ---- */

static void set_base(struct ctl_client *client, const struct ctl_options *options)
{
    bool ssl = ctl_options_flag(options, CTL_SSL);
    const char *host = ctl_options_text_of(options, CTL_HOST, "localhost");
    bool bare6 = strchr(host, ':') && host[0] != '[';

    buf_printf(&client->base, "%s://%s%s%s:%lu/api", ssl ? "https" : "http", bare6 ? "[" : "", host,
               bare6 ? "]" : "", ctl_options_number(options, CTL_PORT, ssl ? 15671 : 15672));
}

static enum ctl_status read_password(struct ctl_client *client, const struct ctl_options *options)
{
    const char *file = options->values[CTL_PASSWORD_FILE];

    if (options->values[CTL_PASSWORD] || !file) {
        buf_add_str(&client->password, ctl_options_text_of(options, CTL_PASSWORD, "guest"));
        return CTL_STATUS_OK;
    }
    enum ctl_status status = ctl_file_read(&client->password, file, 65536);
    if (status == CTL_STATUS_OK)
        client->password.len = strcspn(buf_cstr(&client->password), "\r\n");
    return status;
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    struct ctl_client *client = context;

    if (client->body.len + count > ANSWER_BYTES_MAX)
        return 0;
    buf_add(&client->body, data, size * count);
    return size * count;
}

static void set_text(struct ctl_client *client, CURLoption option, const char *text)
{
    if (text)
        CHECK(curl_easy_setopt(client->curl, option, text) == CURLE_OK);
}

static void set_number(struct ctl_client *client, CURLoption option, long number)
{
    CHECK(curl_easy_setopt(client->curl, option, number) == CURLE_OK);
}

static void set_tls(struct ctl_client *client, const struct ctl_options *options)
{
    bool insecure = ctl_options_flag(options, CTL_INSECURE);

    set_number(client, CURLOPT_SSL_VERIFYPEER, insecure ? 0L : 1L);
    set_number(client, CURLOPT_SSL_VERIFYHOST, insecure ? 0L : 2L);
    set_text(client, CURLOPT_CAINFO, options->values[CTL_CACERT]);
    set_text(client, CURLOPT_SSLCERT, options->values[CTL_CERT]);
    set_text(client, CURLOPT_SSLKEY, options->values[CTL_KEY]);
}

/* No proxies: the environment's are for the web, not for the broker next door. */
static void set_up(struct ctl_client *client, const struct ctl_options *options)
{
    set_text(client, CURLOPT_USERAGENT, "bilbyctl/" PACKAGE_VERSION);
    set_text(client, CURLOPT_PROXY, "");
    set_text(client, CURLOPT_PROTOCOLS_STR, "http,https");
    set_number(client, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    set_number(client, CURLOPT_NOSIGNAL, 1L);
    set_number(client, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    set_number(client, CURLOPT_TIMEOUT, (long)ctl_options_number(options, CTL_TIMEOUT, 60));
    set_tls(client, options);
    CHECK(curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->detail) == CURLE_OK);
    CHECK(curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, collect) == CURLE_OK);
    CHECK(curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client) == CURLE_OK);
}

enum ctl_status ctl_client_new(struct ctl_client **out, const struct ctl_options *options)
{
    struct ctl_client *client = MEM_NEW(struct ctl_client);

    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    client->curl = curl_easy_init();
    CHECK(client->curl);
    set_base(client, options);
    set_up(client, options);
    enum ctl_status status = read_password(client, options);
    ctl_client_login(client, ctl_options_text_of(options, CTL_USERNAME, "guest"),
                     buf_cstr(&client->password));
    *out = client;
    return status;
}

void ctl_client_free(struct ctl_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
    buf_fini(&client->base);
    buf_fini(&client->password);
    buf_fini(&client->body);
    mem_free(client->user);
    mem_free(client);
}

void ctl_client_login(struct ctl_client *client, const char *user, const char *password)
{
    mem_free(client->user);
    client->user = mem_strndup(user, strlen(user));
    set_text(client, CURLOPT_USERNAME, user);
    set_text(client, CURLOPT_PASSWORD, password);
}

void ctl_client_timeout(struct ctl_client *client, long seconds)
{
    set_number(client, CURLOPT_TIMEOUT, seconds);
}

/* ---- asking ---- */

static const char *hint(CURLcode code)
{
    if (code == CURLE_COULDNT_CONNECT)
        return " (does the broker run, and is this its management port?)";
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return " (--cacert names the authority that signed the broker's certificate)";
    if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR)
        return " (is there TLS on this port? then --ssl)";
    if (code == CURLE_UNSUPPORTED_PROTOCOL)
        return " (the management port is another than the one for AMQP)";
    if (code == CURLE_SSL_CONNECT_ERROR)
        return " (is there no TLS on this port? then without --ssl)";
    return "";
}

static bool note_failure(struct ctl_client *client, CURLcode code)
{
    size_t len = client->base.len - strlen("/api");

    snprintf(client->failure, sizeof(client->failure), "%.*s: %s%s", (int)len,
             (const char *)client->base.data,
             client->detail[0] ? client->detail : curl_easy_strerror(code), hint(code));
    return false;
}

static struct curl_slist *headers(const struct ctl_question *question)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    struct buf line = BUF_INIT;

    list = curl_slist_append(list, "Content-Type: application/json");
    if (question->reason) {
        buf_printf(&line, "X-Reason: %s", question->reason);
        for (size_t i = 0; i < line.len; i++)
            if (line.data[i] < ' ')
                line.data[i] = ' ';
        list = curl_slist_append(list, buf_cstr(&line));
    }
    buf_fini(&line);
    CHECK(list);
    return list;
}

static CURLcode perform(struct ctl_client *client, const struct ctl_question *question,
                        const char *body, long *status)
{
    struct curl_slist *list = headers(question);
    struct buf url = BUF_INIT;

    buf_printf(&url, "%s%s", buf_cstr(&client->base), question->path);
    buf_clear(&client->body);
    client->detail[0] = '\0';
    set_text(client, CURLOPT_URL, buf_cstr(&url));
    set_number(client, CURLOPT_HTTPGET, 1L);
    if (body) {
        set_number(client, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        set_text(client, CURLOPT_POSTFIELDS, body);
    }
    set_text(client, CURLOPT_CUSTOMREQUEST, question->method);
    CHECK(curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, list) == CURLE_OK);
    CURLcode code = curl_easy_perform(client->curl);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    buf_fini(&url);
    return code;
}

bool ctl_client_ask(struct ctl_client *client, const struct ctl_question *question,
                    struct ctl_answer *answer)
{
    char *body = question->body ? json_dumps(question->body, JSON_COMPACT) : NULL;

    *answer = (struct ctl_answer){0};
    CURLcode code = perform(client, question, body, &answer->status);
    free(body);
    if (code != CURLE_OK)
        return note_failure(client, code);
    if (client->body.len)
        answer->document = json_loadb((const char *)client->body.data, client->body.len,
                                      JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (answer->document || client->body.len == 0 || answer->status >= 300)
        return true;
    snprintf(client->failure, sizeof(client->failure),
             "the answer is no JSON: is this the management port?");
    return false;
}

const char *ctl_client_failure(const struct ctl_client *client)
{
    return client->failure;
}

/* ---- explaining ---- */

/* The reason is a text, or a list of texts. */
static void add_reason(struct buf *out, const json_t *document)
{
    const json_t *reason = json_object_get(document, "reason");
    const json_t *part;
    size_t index;

    if (json_is_string(reason))
        buf_add_str(out, json_string_value(reason));
    json_array_foreach(reason, index, part) buf_printf(
        out, "%s%s", index ? ": " : "", json_string_value(part) ? json_string_value(part) : "");
    if (out->len == 0 && json_is_string(json_object_get(document, "error")))
        buf_add_str(out, json_string_value(json_object_get(document, "error")));
    while (out->len && out->data[out->len - 1] == '\n')
        out->len--;
}

/* Which ones, where the reason is that there are any. */
static void add_alarms(struct buf *out, const json_t *document)
{
    const json_t *alarm;
    size_t index;

    json_array_foreach(json_object_get(document, "alarms"), index, alarm)
    {
        const char *resource = json_string_value(json_object_get(alarm, "resource"));
        buf_printf(out, "%s%s", index ? ", " : ": ", resource ? resource : "?");
    }
}

static enum ctl_status explain_refusal(const struct ctl_client *client, const char *reason)
{
    if (strcmp(reason, "Not_Authorized") == 0)
        return ctl_complain(CTL_STATUS_REFUSED, "login refused for user \"%s\"", client->user);
    return ctl_complain(CTL_STATUS_REFUSED, "user \"%s\": %s", client->user,
                        *reason ? reason : "not authorised");
}

/* What went through a channel is 400, with the channel's own code before the reason. */
static enum ctl_status explain(const struct ctl_client *client, const struct ctl_question *question,
                               long status, const char *reason)
{
    bool generic = strcmp(reason, "Not Found") == 0 || *reason == '\0';

    if (status == 401 || status == 403)
        return explain_refusal(client, reason);
    if (status == 404)
        return ctl_complain(CTL_STATUS_NOT_FOUND, "there is no %s%s%s",
                            question->about ? question->about : question->path, generic ? "" : ": ",
                            generic ? "" : reason);
    if (status == 405)
        return ctl_complain(CTL_STATUS_SOFTWARE,
                            "the broker has no %s %s: it may be of another version",
                            question->method, question->path);
    if (status == 503)
        return ctl_complain(CTL_STATUS_UNAVAILABLE, "%s", *reason ? reason : "not in service");
    if (status >= 400 && status < 500 && strncmp(reason, "404 ", 4) == 0)
        return ctl_complain(CTL_STATUS_NOT_FOUND, "%s", reason);
    if (status >= 400 && status < 500 && strncmp(reason, "403 ", 4) == 0)
        return ctl_complain(CTL_STATUS_REFUSED, "%s", reason);
    if (status >= 400 && status < 500)
        return ctl_complain(CTL_STATUS_DATA, "%s", *reason ? reason : "the broker refuses this");
    return ctl_complain(CTL_STATUS_SOFTWARE, "the broker answers %ld %s", status, reason);
}

enum ctl_status ctl_client_explain(const struct ctl_client *client,
                                   const struct ctl_question *question,
                                   const struct ctl_answer *answer)
{
    struct buf reason = BUF_INIT;

    add_reason(&reason, answer->document);
    add_alarms(&reason, answer->document);
    enum ctl_status status = explain(client, question, answer->status, buf_cstr(&reason));
    buf_fini(&reason);
    return status;
}

enum ctl_status ctl_client_call(struct ctl_client *client, const struct ctl_question *question,
                                json_t **document)
{
    struct ctl_answer answer;
    enum ctl_status status = CTL_STATUS_OK;

    if (document)
        *document = NULL;
    if (!ctl_client_ask(client, question, &answer))
        return ctl_complain(CTL_STATUS_UNAVAILABLE, "%s", client->failure);
    if (answer.status >= 300)
        status = ctl_client_explain(client, question, &answer);
    else if (document)
        *document = json_incref(answer.document);
    json_decref(answer.document);
    return status;
}
