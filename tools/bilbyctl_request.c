/* SPDX-License-Identifier: Apache-2.0 */
/* Requests out of the texts of bilbyctl_commands.def. */
#include "tools/bilbyctl_request.h"

#include "tools/bilbyctl_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE_MAX 128 /* of a row's path or field: they are ours */

/* ---- the path ---- */

struct place {
    char name[CTL_WORD_MAX];
    bool initial;    /* {name:initial} */
    bool given_only; /* {name?} */
    bool or_empty;   /* {name=} */
};

/* "{name}" out of a path's segment; false when it is a literal. */
static bool read_place(const char *segment, struct place *place)
{
    size_t len = strlen(segment);

    *place = (struct place){0};
    if (segment[0] != '{')
        return false;
    CHECK(len > 2 && len < sizeof(place->name) && segment[len - 1] == '}');
    memcpy(place->name, segment + 1, len - 2);
    char *mark = place->name + strcspn(place->name, ":?=");
    place->initial = *mark == ':';
    place->given_only = *mark == '?';
    place->or_empty = *mark == '=';
    *mark = '\0';
    return true;
}

static const char *place_value(const struct ctl_line *line, const struct place *place)
{
    if (place->given_only && !line->vhost_given)
        return NULL;
    if (strcmp(place->name, "vhost") == 0 && (ctl_options_flag(&line->options, CTL_ALL_VHOSTS) ||
                                              ctl_options_flag(&line->options, CTL_GLOBAL)))
        return NULL;
    const char *value = ctl_line_value(line, place->name);
    if (!value && place->initial)
        return "queue";
    return !value && place->or_empty ? "" : value;
}

/* The default exchange has a name in paths. */
static bool names_exchange(const char *name, const char *collection)
{
    return strcmp(name, "exchange") == 0 || strcmp(name, "source") == 0 ||
           strcmp(collection, "exchanges") == 0;
}

/* queue "orders": the noun is the place's name, or what its collection holds. */
static void add_about(struct buf *about, const char *collection, const char *name,
                      const char *value)
{
    buf_add_str(about, about->len ? ", " : "");
    if (strcmp(name, "name") == 0)
        ctl_add_noun(about, collection, 1);
    else
        buf_add_str(about, strcmp(name, "vhost") == 0 ? "virtual host" : name);
    buf_printf(about, " \"%s\"", value);
}

/* Appends "/segment"; nothing when its value is absent. */
static enum ctl_status add_segment(struct ctl_request *request, const struct ctl_line *line,
                                   const char *segment, char collection[PIECE_MAX])
{
    struct place place;

    if (!read_place(segment, &place)) {
        buf_printf(&request->path, "/%s", segment);
        memcpy(collection, segment, strlen(segment) + 1);
        return CTL_STATUS_OK;
    }
    const char *value = place_value(line, &place);
    if (!value)
        return CTL_STATUS_OK;
    if (!*value && !names_exchange(place.name, collection))
        return ctl_complain(CTL_STATUS_USAGE, "%s must not be empty", place.name);
    buf_add_u8(&request->path, '/');
    if (place.initial) {
        buf_add_u8(&request->path, (uint8_t)*value);
        return CTL_STATUS_OK;
    }
    ctl_encode(&request->path, *value ? value : "amq.default");
    if (strcmp(place.name, "vhost") == 0)
        request->vhost = value;
    else
        add_about(&request->about, collection, place.name, value);
    return CTL_STATUS_OK;
}

static enum ctl_status fill_path(struct ctl_request *request, const struct ctl_line *line,
                                 const char *path)
{
    enum ctl_status status = CTL_STATUS_OK;
    char segment[PIECE_MAX], collection[PIECE_MAX] = "";

    while (*path == '/' && status == CTL_STATUS_OK) {
        size_t len = strcspn(++path, "/");
        CHECK(len < sizeof(segment));
        memcpy(segment, path, len);
        segment[len] = '\0';
        path += len;
        status = add_segment(request, line, segment, collection);
    }
    return status;
}

/* ---- the body ---- */

static enum ctl_status number_value(const char *name, const char *text, json_t **value)
{
    char *end;

    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (!*text || *end || errno)
        return ctl_complain(CTL_STATUS_USAGE, "%s is a whole number, not '%s'", name, text);
    *value = json_integer(number);
    return CTL_STATUS_OK;
}

static enum ctl_status bool_value(const char *name, const char *text, json_t **value)
{
    bool truth = strcmp(text, "true") == 0;

    if (!truth && strcmp(text, "false") != 0)
        return ctl_complain(CTL_STATUS_USAGE, "%s is true or false, not '%s'", name, text);
    *value = json_boolean(truth);
    return CTL_STATUS_OK;
}

static enum ctl_status json_value(const char *name, const char *text, json_t **value)
{
    json_error_t error;

    *value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!*value)
        return ctl_complain(CTL_STATUS_DATA, "%s is no JSON: %s, at column %d of: %s", name,
                            error.text, error.column, text);
    return CTL_STATUS_OK;
}

static enum ctl_status text_value(const char *name, const char *text, json_t **value)
{
    *value = json_string(text);
    if (!*value)
        return ctl_complain(CTL_STATUS_DATA, "%s is no UTF-8", name);
    return CTL_STATUS_OK;
}

static enum ctl_status typed_value(const char *name, const char *type, const char *text,
                                   json_t **value)
{
    if (strcmp(type, "number") == 0)
        return number_value(name, text, value);
    if (strcmp(type, "bool") == 0)
        return bool_value(name, text, value);
    if (strcmp(type, "json") == 0)
        return json_value(name, text, value);
    CHECK(*type == '\0');
    return text_value(name, text, value);
}

/* "name:type=fallback", cut apart in place. */
static enum ctl_status add_field(struct ctl_request *request, const struct ctl_line *line,
                                 char *field)
{
    char *fallback = strchr(field, '=');
    if (fallback)
        *fallback++ = '\0';
    char *type = strchr(field, ':');
    if (type)
        *type++ = '\0';
    if (field[0] == '@') {
        request->reason = ctl_line_value(line, field + 1);
        return CTL_STATUS_OK;
    }
    if (!request->body)
        request->body = json_object();
    const char *text = ctl_line_value(line, field);
    if (!text)
        text = fallback;
    json_t *value = NULL;
    if (!text)
        return CTL_STATUS_OK;
    enum ctl_status status = typed_value(field, type ? type : "", text, &value);
    if (value)
        json_object_set_new(request->body, field, value);
    return status;
}

/* ---- the whole ---- */

enum ctl_status ctl_request_init(struct ctl_request *request, const struct ctl_line *line)
{
    const char *text = line->command->request;
    enum ctl_status status = CTL_STATUS_OK;
    char piece[PIECE_MAX];

    *request = (struct ctl_request){0};
    CHECK(ctl_next_word(&text, request->method, sizeof(request->method)));
    CHECK(ctl_next_word(&text, piece, sizeof(piece)));
    status = fill_path(request, line, piece);
    if (request->vhost && request->about.len)
        buf_printf(&request->about, " in virtual host \"%s\"", request->vhost);
    else if (request->vhost)
        add_about(&request->about, "", "vhost", request->vhost);
    while (status == CTL_STATUS_OK && ctl_next_word(&text, piece, sizeof(piece)))
        status = add_field(request, line, piece);
    return status;
}

void ctl_request_fini(struct ctl_request *request)
{
    buf_fini(&request->path);
    buf_fini(&request->about);
    json_decref(request->body);
}

enum ctl_status ctl_request_send(struct ctl *ctl, struct ctl_request *request, json_t **document)
{
    const struct ctl_question question = {
        .method = request->method,
        .path = buf_cstr(&request->path),
        .body = request->body,
        .reason = request->reason,
        .about = request->about.len ? buf_cstr(&request->about) : NULL,
    };

    return ctl_client_call(ctl->client, &question, document);
}

enum ctl_status ctl_fetch(struct ctl *ctl, json_t **document)
{
    struct ctl_request request;

    if (document)
        *document = NULL;
    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    if (status == CTL_STATUS_OK)
        status = ctl_request_send(ctl, &request, document);
    ctl_request_fini(&request);
    return status;
}

void ctl_fill(struct buf *out, const char *text, const struct ctl_line *line)
{
    char name[CTL_WORD_MAX];

    while (*text) {
        size_t len = strcspn(text, "{");
        buf_add(out, text, len);
        text += len;
        if (!*text)
            return;
        len = strcspn(text, "}");
        CHECK(len < sizeof(name) && text[len] == '}');
        memcpy(name, text + 1, len - 1);
        name[len - 1] = '\0';
        const char *value = ctl_line_value(line, name);
        buf_add_str(out, value ? value : "");
        text += len + 1;
    }
}

bool ctl_talks(const struct ctl *ctl)
{
    const struct ctl_options *options = &ctl->line.options;

    return !ctl_options_flag(options, CTL_QUIET) && !ctl_options_flag(options, CTL_SILENT) &&
           strcmp(ctl_options_text_of(options, CTL_FORMATTER, "table"), "table") == 0;
}

void ctl_say_done(const struct ctl *ctl)
{
    struct buf text = BUF_INIT;

    if (!ctl_talks(ctl))
        return;
    ctl_fill(&text, ctl->line.command->shows, &ctl->line);
    puts(buf_cstr(&text));
    buf_fini(&text);
}
