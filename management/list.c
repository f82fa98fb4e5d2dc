/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting, filtering and paging of lists. */
#include "management/list.h"

#include "base/mem.h"
#include "broker/pattern.h"
#include "management/json_sort.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define SORTS_MAX 8

/* ---- what the query asks for ---- */

struct page {
    bool asked;
    int64_t number, size;
    char *name;              /* NULL: all */
    struct pattern *pattern; /* NULL: `name` is a part of the names */
};

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

static bool compile_name(struct page *page)
{
    struct buf source = BUF_INIT;
    char message[128];

    buf_printf(&source, "(?i)%s", page->name);
    enum err error = pattern_new(buf_slice(&source), &page->pattern, message, sizeof(message));
    buf_fini(&source);
    return error == ERR_OK;
}

static void page_fini(struct page *page)
{
    mem_free(page->name);
    pattern_free(page->pattern);
}

/* False after answering 400. */
static bool page_read(struct call *call, struct page *page)
{
    *page = (struct page){0};
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
        call_error(call, 400, "invalid_pagination_parameters",
                   "Invalid pagination parameters: page number %lld, page size %lld",
                   (long long)page->number, (long long)page->size);
    }
    if (!valid)
        page_fini(page);
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

static bool page_wants(const struct page *page, struct slice name)
{
    if (page->pattern)
        return pattern_match(page->pattern, name) == PATTERN_MATCH;
    return !page->name || contains(name, page->name);
}

/* The page's range among `filtered`; false after answering that it is past the end. The first page
 * exists even when it is empty. */
static bool page_range(struct call *call, const struct page *page, size_t filtered, size_t *first,
                       size_t *count)
{
    uint64_t offset;

    if (__builtin_mul_overflow((uint64_t)page->number - 1, (uint64_t)page->size, &offset) ||
        offset > filtered) {
        call_error(call, 400, "page_out_of_range",
                   "Page out of range, page: %lld page size: %lld, len: %zu",
                   (long long)page->number, (long long)page->size, filtered);
        return false;
    }
    size_t left = filtered - (size_t)offset;
    *first = (size_t)offset;
    *count = left < (size_t)page->size ? left : (size_t)page->size;
    return true;
}

static void answer_page(struct call *call, const struct page *page, size_t total, size_t filtered,
                        json_t *items)
{
    json_int_t size = page->size;
    json_t *document =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "filtered_count", (json_int_t)filtered,
                  "item_count", (json_int_t)json_array_size(items), "page",
                  (json_int_t)page->number, "page_count", ((json_int_t)filtered + size - 1) / size,
                  "page_size", size, "total_count", (json_int_t)total, "items", items);

    CHECK(document);
    call_json(call, document);
}

/* ---- rows ---- */

/* A new array with the same rows, in the order that the query and the defaults say. */
static json_t *sorted(const struct call *call, const json_t *rows, const char *const *sorts)
{
    const char *keys[SORTS_MAX];
    size_t count = 0;
    char *asked = call_query(call, "sort");

    if (asked && *asked)
        keys[count++] = asked;
    for (; *sorts; sorts++) {
        CHECK(count + 1 < SORTS_MAX);
        keys[count++] = *sorts;
    }
    keys[count] = NULL;
    json_t *list = json_sorted(rows, keys, call_flag(call, "sort_reverse"));
    mem_free(asked);
    return list;
}

static json_t *filtered(const struct page *page, json_t *rows)
{
    json_t *list = json_array();
    size_t index;
    json_t *row;

    json_array_foreach(rows, index,
                       row) if (page_wants(page, json_slice(json_object_get(row, "name"))))
        json_array_append(list, row);
    return list;
}

static json_t *cut(json_t *rows, size_t first, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append(list, json_array_get(rows, first + i));
    return list;
}

void list_answer(struct call *call, json_t *rows, const char *const *sorts)
{
    struct page page;
    size_t first, count;

    if (!page_read(call, &page)) {
        json_decref(rows);
        return;
    }
    json_t *all = sorted(call, rows, sorts);
    json_decref(rows);
    if (!page.asked) {
        call_json(call, all);
        return;
    }
    json_t *wanted = filtered(&page, all);
    size_t found = json_array_size(wanted);
    if (page_range(call, &page, found, &first, &count))
        answer_page(call, &page, json_array_size(all), found, cut(wanted, first, count));
    json_decref(wanted);
    json_decref(all);
    page_fini(&page);
}

/* ---- items, built late ---- */

void list_items_add(struct list_items *items, struct slice vhost, struct slice name, void *object)
{
    if (items->count == items->capacity) {
        items->capacity = items->capacity ? 2 * items->capacity : 64;
        items->items = mem_realloc(items->items, items->capacity * sizeof(struct list_item));
    }
    items->items[items->count++] =
        (struct list_item){.vhost = vhost, .name = name, .object = object};
}

static int compare_items(const void *a, const void *b)
{
    const struct list_item *left = a, *right = b;
    int order = slice_compare(left->vhost, right->vhost);

    return order ? order : slice_compare(left->name, right->name);
}

static int compare_items_by_name(const void *a, const void *b)
{
    const struct list_item *left = a, *right = b;
    int order = slice_compare(left->name, right->name);

    return order ? order : slice_compare(left->vhost, right->vhost);
}

enum item_order { BY_VHOST, BY_NAME, BY_ROW };

/* Sorting by anything else needs the rows. */
static enum item_order item_order(const struct call *call)
{
    char *asked = call_query(call, "sort");
    enum item_order order = BY_ROW;

    if (!asked || !*asked || strcmp(asked, "vhost") == 0)
        order = BY_VHOST;
    else if (strcmp(asked, "name") == 0)
        order = BY_NAME;
    mem_free(asked);
    return order;
}

static void reverse_items(struct list_items *items)
{
    for (size_t i = 0; i < items->count / 2; i++) {
        struct list_item *a = &items->items[i], *b = &items->items[items->count - 1 - i];
        struct list_item other = *a;
        *a = *b;
        *b = other;
    }
}

static json_t *build_rows(struct call *call, const struct list_item *items, size_t count,
                          json_t *(*build)(struct call *call, void *object))
{
    json_t *rows = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, build(call, items[i].object));
    return rows;
}

/* Keeps the items that the page's filter wants. */
static void filter_items(const struct page *page, struct list_items *items)
{
    size_t kept = 0;

    for (size_t i = 0; i < items->count; i++)
        if (page_wants(page, items->items[i].name))
            items->items[kept++] = items->items[i];
    items->count = kept;
}

struct row_builder {
    const struct list_item *items;
    json_t *(*build)(struct call *call, void *object);
};

static json_t *build_one(struct call *call, void *context, size_t index)
{
    const struct row_builder *builder = context;

    return builder->build(call, builder->items[index].object);
}

static void answer_items_page(struct call *call, struct list_items *items,
                              json_t *(*build)(struct call *call, void *object))
{
    struct row_builder builder = {.items = items->items, .build = build};
    struct page page;
    size_t total = items->count;
    size_t first, count;

    if (!page_read(call, &page))
        return;
    if (page.asked)
        filter_items(&page, items);
    if (!page.asked)
        call_rows(call, items->count, build_one, &builder);
    else if (page_range(call, &page, items->count, &first, &count))
        answer_page(call, &page, total, items->count,
                    build_rows(call, items->items + first, count, build));
    page_fini(&page);
}

/* Rows without the details of rates are enough to sort by, unless the query sorts by one of those. */
static bool sorts_by_details(const struct call *call)
{
    char *asked = call_query(call, "sort");
    bool details = asked && strstr(asked, "_details");

    mem_free(asked);
    return details;
}

/* Sorts items by what their rows would show. */
static void sort_by_rows(struct call *call, struct list_items *items,
                         json_t *(*build)(struct call *call, void *object),
                         const char *const *sorts)
{
    struct list_item *order = mem_alloc((items->count + 1) * sizeof(*order));

    call->brief = !sorts_by_details(call);
    json_t *rows = build_rows(call, items->items, items->count, build);
    call->brief = false;
    for (size_t i = 0; i < items->count; i++)
        json_put_number(json_array_get(rows, i), "", i);
    json_t *all = sorted(call, rows, sorts);
    json_decref(rows);
    for (size_t i = 0; i < items->count; i++) {
        const json_t *place = json_object_get(json_array_get(all, i), "");
        order[i] = items->items[json_integer_value(place)];
    }
    json_decref(all);
    mem_free(items->items);
    items->items = order;
}

void list_answer_items(struct call *call, struct list_items *items,
                       json_t *(*build)(struct call *call, void *object))
{
    static const char *const sorts[] = {"vhost", "name", NULL};
    enum item_order order = item_order(call);

    if (items->count > 0)
        qsort(items->items, items->count, sizeof(struct list_item),
              order == BY_NAME ? compare_items_by_name : compare_items);
    if (order == BY_ROW)
        sort_by_rows(call, items, build, sorts);
    else if (call_flag(call, "sort_reverse"))
        reverse_items(items);
    answer_items_page(call, items, build);
    mem_free(items->items);
}
