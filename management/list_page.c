/* SPDX-License-Identifier: Apache-2.0 */
#include "management/list_page.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* A decimal number in the query; `absent` when it isn't there. */
static bool query_number(const struct call *call, const char *name, int64_t absent, int64_t *out)
{
    char *text = call_query(call, name);
    char *end = NULL;

    *out = absent;
    if (!text)
        return true;
    errno = 0;
    *out = strtoll(text, &end, 10);
    bool valid = *text && !*end && errno == 0;
    mem_free(text);
    return valid;
}

static bool compile_name(struct list_page *page)
{
    struct buf source = BUF_INIT;
    char message[128];

    buf_printf(&source, "(?i)%s", page->name);
    enum err error = pattern_new(buf_slice(&source), &page->pattern, message, sizeof(message));
    buf_fini(&source);
    return error == ERR_OK;
}

void list_page_fini(struct list_page *page)
{
    mem_free(page->name);
    pattern_free(page->pattern);
    *page = (struct list_page){0};
}

static void refuse_page(struct call *call, const struct list_page *page)
{
    char *size = call_query(call, "page_size");

    call_error(call, 400, "invalid_pagination_parameters",
               "Invalid pagination parameters: page number %lld, page size %s",
               (long long)page->number, size ? size : "undefined");
    mem_free(size);
}

bool list_page_read(struct call *call, struct list_page *page)
{
    *page = (struct list_page){0};
    char *asked = call_query(call, "page");
    page->asked = asked;
    mem_free(asked);
    if (!page->asked)
        return true;
    bool valid = query_number(call, "page", 0, &page->number) &&
                 query_number(call, "page_size", LIST_PAGE_SIZE_DEFAULT, &page->size);
    page->name = call_query(call, "name");
    if (page->name && !*page->name) {
        mem_free(page->name);
        page->name = NULL;
    }
    if (valid && page->name && call_flag(call, "use_regex"))
        valid = compile_name(page);
    if (!valid) {
        call_error(call, 400, "bad_request", "Pagination parameters are invalid");
    } else if (page->number < 1 || page->size < 1 || page->size > LIST_PAGE_SIZE_MAX) {
        valid = false;
        refuse_page(call, page);
    }
    if (!valid)
        list_page_fini(page);
    return valid;
}

static bool contains(struct slice text, const char *part)
{
    size_t len = strlen(part);

    for (size_t i = 0; i + len <= text.len; i++)
        if (strncasecmp((const char *)text.data + i, part, len) == 0)
            return true;
    return false;
}

/* A pattern that gives up has worked for about a millisecond: a part's work and more. */
static bool matches(const struct list_page *page, struct call *call, struct slice name)
{
    enum pattern_result result = pattern_match(page->pattern, name);

    if (result == PATTERN_GAVE_UP)
        call_spend(call, MANAGEMENT_WORK);
    return result == PATTERN_MATCH;
}

bool list_page_wants(const struct list_page *page, struct call *call, struct slice name)
{
    if (page->pattern)
        return matches(page, call, name);
    return !page->name || contains(name, page->name);
}

bool list_page_range(const struct list_page *page, struct call *call, size_t count, size_t *first,
                     size_t *end)
{
    uint64_t offset;

    if (__builtin_mul_overflow((uint64_t)page->number - 1, (uint64_t)page->size, &offset) ||
        offset > count) {
        call_error(call, 400, "page_out_of_range",
                   "Page out of range, page: %lld page size: %lld, len: %zu",
                   (long long)page->number, (long long)page->size, count);
        return false;
    }
    size_t left = count - (size_t)offset;
    *first = (size_t)offset;
    *end = *first + (left < (size_t)page->size ? left : (size_t)page->size);
    return true;
}
