/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in parts.
 *
 *   LIST_COLLECTING ─ collect() ─► LIST_SORTING ─ order() ─► LIST_WRITING ─ write_rows() ─► answered
 */
#include "management/list.h"

#include "base/arena.h"
#include "base/mem.h"
#include "broker/vhost.h"
#include "management/list_page.h"
#include "management/list_sort.h"
#include "management/statistics.h"

/* What things cost, see management_work(). */
#define ITEM_WORK 256   /* an item is noted */
#define FILTER_WORK 128 /* a name is looked at that the query does not want */
#define SORT_WORK 64    /* an item moves */
#define ROW_WORK 256    /* an item's object is found again */

enum list_stage { LIST_COLLECTING, LIST_SORTING, LIST_WRITING };

/* ---- a listing ---- */

struct listing {
    struct call *call;
    const struct list_kind *kind;
    struct list_scope scope;
    enum list_stage stage;
    struct list_page page;
    bool reverse;
    bool by_name;         /* the names count before the virtual hosts' */
    struct columns sort;  /* the column to sort by; without names: there is none */
    struct row value_row; /* looks for it, in `value` */
    struct row_value value;
    struct row row; /* writes the answer's rows */
    struct columns columns;
    struct walk walk;
    size_t walks; /* begun so far */
    bool walking;
    struct arena arena; /* items, and what they point at */
    void **items;       /* until they are sorted */
    size_t count, capacity;
    size_t total;                      /* with those that the query filters out */
    size_t count_before, total_before; /* the walk */
    struct list_sort order;
    bool ordering;
    size_t next, end; /* rows of the page still to be written */
    size_t written;
    struct buf rows; /* of a page: its head tells their number */
    struct row
        *outer;   /* of a document's part: the row that the list is in; NULL: it is the answer */
    json_t *json; /* list_answer()'s rows */
};

static void free_listing(void *state)
{
    struct listing *listing = state;

    list_page_fini(&listing->page);
    columns_fini(&listing->sort);
    row_fini(&listing->value_row);
    row_fini(&listing->row);
    columns_fini(&listing->columns);
    if (listing->walking)
        walk_fini(&listing->walk);
    if (listing->ordering)
        list_sort_fini(&listing->order);
    mem_free(listing->items);
    arena_fini(&listing->arena);
    buf_fini(&listing->rows);
    json_decref(listing->json);
    mem_free(listing);
}

const struct list_scope *list_scope(const struct listing *listing)
{
    return &listing->scope;
}

struct call *list_call(const struct listing *listing)
{
    return listing->call;
}

/* ---- collecting ---- */

struct slice list_keep(struct listing *listing, struct slice bytes)
{
    return arena_copy(&listing->arena, bytes);
}

void *list_keep_new(struct listing *listing, size_t size)
{
    return arena_alloc(&listing->arena, size);
}

/* Many items in a row have the same one. */
static struct slice keep_vhost(struct listing *listing, struct slice vhost)
{
    const struct list_item *last = listing->count ? listing->items[listing->count - 1] : NULL;

    return last && slice_equal(last->vhost, vhost) ? last->vhost : list_keep(listing, vhost);
}

/* What the item's row shows in the column that is sorted by. */
static void read_value(struct listing *listing, struct list_item *item, const void *object)
{
    if (!listing->sort.names)
        return;
    listing->value = (struct row_value){.kind = ROW_NUMBER};
    row_begin(&listing->value_row);
    listing->kind->write(listing->call, &listing->value_row, object);
    row_end(&listing->value_row);
    item->value = listing->value;
    item->value.text = list_keep(listing, item->value.text);
}

static struct list_item *new_item(struct listing *listing, struct slice vhost, struct slice name)
{
    struct list_item *item = list_keep_new(listing, sizeof(*item));

    *item = (struct list_item){
        .vhost = keep_vhost(listing, vhost),
        .name = list_keep(listing, name),
    };
    listing->items =
        mem_grow(listing->items, &listing->capacity, listing->count, sizeof(*listing->items));
    listing->items[listing->count++] = item;
    return item;
}

/* `shown` is what the row has under "name". */
static struct list_item *add(struct listing *listing, struct slice vhost, struct slice name,
                             struct slice shown, const void *object)
{
    call_spend(listing->call, FILTER_WORK);
    listing->total++;
    if (!list_page_wants(&listing->page, listing->call, shown))
        return NULL;
    call_spend(listing->call, ITEM_WORK);
    struct list_item *item = new_item(listing, vhost, name);
    read_value(listing, item, object);
    return item;
}

struct list_item *list_add(struct listing *listing, struct slice vhost, struct slice name,
                           const void *object)
{
    return add(listing, vhost, name, listing->kind->nameless ? slice_of(NULL, 0) : name, object);
}

static bool wants_vhost(const void *context, const struct vhost *vhost)
{
    const struct listing *listing = context;
    struct slice name = slice_str(vhost->name);

    if (listing->scope.vhost.len)
        return slice_equal(name, listing->scope.vhost);
    if (listing->outer)
        return true;
    return listing->kind->walks[0] == WALK_CONNECTIONS ? call_sees(listing->call, name)
                                                       : call_enters(listing->call, name);
}

static void visit(void *context, void *object)
{
    struct listing *listing = context;

    listing->kind->add(listing, listing->walk.kind, object);
}

/* What an earlier walk has found stays. */
static void forget(void *context)
{
    struct listing *listing = context;

    listing->count = listing->count_before;
    listing->total = listing->total_before;
}

static void begin_walk(struct listing *listing)
{
    walk_init(&listing->walk, listing->call->broker, listing->kind->walks[listing->walks++],
              wants_vhost, listing);
    listing->walking = true;
    listing->count_before = listing->count;
    listing->total_before = listing->total;
}

/* True when all items are there. */
static bool collect(struct listing *listing)
{
    const struct walk_visitor visitor = {.visit = visit, .forget = forget, .context = listing};
    const struct list_kind *kind = listing->kind;

    while (listing->walking || listing->walks < kind->walk_count) {
        if (!listing->walking)
            begin_walk(listing);
        if (!walk_run(&listing->walk, listing->call, &visitor))
            return false;
        walk_fini(&listing->walk);
        listing->walking = false;
    }
    return true;
}

/* ---- sorting ---- */

static int compare_places(const struct list_item *a, const struct list_item *b)
{
    return a->vhost.data == b->vhost.data && a->vhost.len == b->vhost.len
               ? 0
               : slice_compare(a->vhost, b->vhost);
}

static int compare_items(const void *a, const void *b, const void *context)
{
    const struct listing *listing = context;
    const struct list_item *left = a, *right = b;
    int order = listing->sort.names ? row_value_compare(&left->value, &right->value) : 0;

    if (order == 0 && listing->by_name)
        order = slice_compare(left->name, right->name);
    if (order == 0)
        order = compare_places(left, right);
    return order ? order : slice_compare(left->name, right->name);
}

static void begin_order(struct listing *listing)
{
    list_sort_init(&listing->order, listing->items, listing->count, compare_items, listing);
    listing->items = NULL;
    listing->ordering = true;
}

static bool order(struct listing *listing)
{
    size_t steps = call_work_left(listing->call) / SORT_WORK + 1;
    size_t left = steps;
    bool sorted = list_sort_run(&listing->order, &left);

    call_spend(listing->call, (steps - left) * SORT_WORK);
    return sorted;
}

/* ---- writing ---- */

/* False after answering. */
static bool begin_rows(struct listing *listing)
{
    listing->end = listing->count;
    if (listing->outer)
        return true;
    if (listing->page.asked)
        return list_page_range(&listing->page, listing->call, listing->count, &listing->next,
                               &listing->end);
    call_begin(listing->call);
    buf_add_u8(&listing->call->response->body, '[');
    return true;
}

static const struct list_item *item_at(const struct listing *listing, size_t index)
{
    return list_sort_at(&listing->order, listing->reverse ? listing->count - 1 - index : index);
}

static void write_members_of(struct listing *listing, struct buf *out, const void *object)
{
    listing->row.out = out;
    row_begin(&listing->row);
    listing->kind->write(listing->call, &listing->row, object);
    row_end(&listing->row);
}

static void write_row(struct listing *listing, struct buf *out, const struct list_item *item)
{
    const void *object = listing->kind->find(listing->call, item);
    size_t before = out->len;

    call_spend(listing->call, ROW_WORK);
    if (!object)
        return;
    if (!listing->outer && listing->written > 0)
        buf_add_u8(out, ',');
    listing->written++;
    if (!listing->outer) {
        write_members_of(listing, out, object);
    } else if (row_open(listing->outer, NULL)) {
        listing->kind->write(listing->call, listing->outer, object);
        row_close(listing->outer);
    }
    call_spend(listing->call, out->len - before);
}

static void end_page(const struct listing *listing)
{
    const struct list_page *page = &listing->page;
    struct buf *body = &listing->call->response->body;
    uint64_t size = (uint64_t)page->size;
    struct row row;

    call_begin(listing->call);
    row_init(&row, body, NULL);
    row_begin(&row);
    row_number(&row, "filtered_count", listing->count);
    row_number(&row, "item_count", listing->written);
    row_number(&row, "page", (uint64_t)page->number);
    row_number(&row, "page_count", (listing->count + size - 1) / size);
    row_number(&row, "page_size", size);
    row_number(&row, "total_count", listing->total);
    if (row_open_list(&row, "items")) {
        buf_add_slice(body, buf_slice(&listing->rows));
        row_close(&row);
    }
    row_end(&row);
    row_fini(&row);
}

/* True when the last row of the page is written. */
static bool write_rows(struct listing *listing)
{
    struct buf *body = &listing->call->response->body;
    struct buf *out = listing->page.asked ? &listing->rows : body;

    while (listing->next < listing->end) {
        if (call_spent(listing->call))
            return false;
        write_row(listing, out, item_at(listing, listing->next++));
    }
    if (listing->page.asked)
        end_page(listing);
    else if (!listing->outer)
        buf_add_u8(body, ']');
    return true;
}

/* ---- the task ---- */

bool list_run(struct listing *listing)
{
    if (listing->stage == LIST_COLLECTING) {
        if (!collect(listing))
            return false;
        begin_order(listing);
        listing->stage = LIST_SORTING;
    }
    if (listing->stage == LIST_SORTING) {
        if (!order(listing))
            return false;
        if (!begin_rows(listing))
            return true;
        listing->stage = LIST_WRITING;
    }
    return write_rows(listing);
}

static bool run_listing(struct call *call, void *state)
{
    struct listing *listing = state;

    CHECK(listing->call == call);
    return list_run(listing);
}

static const struct call_task listing_task = {.run = run_listing, .free = free_listing};

/* The query's `sort`: a column, unless items are in that order anyway. */
static void read_sort(struct listing *listing, bool rows_alone)
{
    char *asked = call_query(listing->call, "sort");
    bool known =
        asked && !rows_alone && (strcmp(asked, "vhost") == 0 || strcmp(asked, "name") == 0);

    listing->by_name = known && strcmp(asked, "name") == 0;
    listing->reverse = call_flag(listing->call, "sort_reverse");
    columns_init(&listing->sort, known ? NULL : asked);
    row_init_value(&listing->value_row, &listing->sort, &listing->value);
    mem_free(asked);
}

static struct listing *begin(struct call *call, const struct list_kind *kind)
{
    struct listing *listing = MEM_NEW(struct listing);

    listing->call = call;
    listing->kind = kind;
    if (!list_page_read(call, &listing->page)) {
        free_listing(listing);
        return NULL;
    }
    call_set_task(call, &listing_task, listing);
    char *columns = statistics_columns(call);
    columns_init(&listing->columns, columns);
    row_init(&listing->row, &call->response->body, &listing->columns);
    mem_free(columns);
    return listing;
}

struct listing *list_begin(struct call *call, const struct list_kind *kind,
                           const struct list_scope *scope)
{
    struct listing *listing = begin(call, kind);

    if (!listing)
        return NULL;
    if (scope)
        listing->scope = *scope;
    read_sort(listing, false);
    return listing;
}

struct listing *list_new(struct call *call, const struct list_kind *kind, struct slice vhost,
                         struct row *row)
{
    struct listing *listing = MEM_NEW(struct listing);

    listing->call = call;
    listing->kind = kind;
    listing->scope.vhost = vhost;
    listing->outer = row;
    return listing;
}

void list_free(struct listing *listing)
{
    free_listing(listing);
}

void list_answer_vhost(struct call *call, const struct list_kind *kind)
{
    const struct list_scope scope = {.vhost = call_arg(call, "vhost")};

    if (call->capture_count == 0 || call_vhost(call))
        (void)list_begin(call, kind, &scope);
}

/* ---- rows that are there ---- */

static const void *find_row(struct call *call, const struct list_item *item)
{
    (void)call;
    return item->copy;
}

static void write_members(const struct call *call, struct row *row, const void *object)
{
    (void)call;
    row_members(row, object);
}

static const struct list_kind rows_kind = {.find = find_row, .write = write_members};

/* The texts under the keys, one behind another, each ended by a NUL: in order as they are. */
static void add_texts(struct buf *out, const json_t *row, const char *const *keys)
{
    for (; *keys; keys++) {
        buf_add_slice(out, json_slice(json_object_get(row, *keys)));
        buf_add_u8(out, 0);
    }
}

void list_answer(struct call *call, json_t *rows, const char *const *sorts)
{
    struct listing *listing = begin(call, &rows_kind);
    struct buf texts = BUF_INIT;
    size_t index;
    const json_t *row;

    if (!listing) {
        json_decref(rows);
        return;
    }
    listing->json = rows;
    read_sort(listing, true);
    json_array_foreach(rows, index, row)
    {
        buf_clear(&texts);
        add_texts(&texts, row, sorts);
        struct list_item *item = add(listing, slice_of(NULL, 0), buf_slice(&texts),
                                     json_slice(json_object_get(row, "name")), row);
        if (item)
            item->copy = row;
    }
    buf_fini(&texts);
}
