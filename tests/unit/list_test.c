/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/list.h. */
#include "base/list.h"
#include "tests/support/suite.h"

#include <string.h>

struct item {
    char name;
    struct list link;
};

static const char *names(struct list *list, char out[16])
{
    size_t len = 0;

    LIST_EACH(list, node)
        out[len++] = CONTAINER_OF(node, struct item, link)->name;
    out[len] = '\0';
    return out;
}

START_TEST(keeps_order)
{
    struct list list;
    struct item items[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    char out[16];

    list_init(&list);
    list_push_back(&list, &items[1].link);
    list_push_back(&list, &items[3].link);
    list_push_front(&list, &items[0].link);
    list_insert_before(&items[2].link, &items[3].link);
    ck_assert_str_eq(names(&list, out), "abcd");
    ck_assert_int_eq(LIST_FIRST(&list, struct item, link)->name, 'a');
    ck_assert_int_eq(LIST_LAST(&list, struct item, link)->name, 'd');
}
END_TEST

START_TEST(an_empty_list_has_no_ends)
{
    struct list list;

    list_init(&list);
    ck_assert(list_empty(&list));
    ck_assert_ptr_null(LIST_FIRST(&list, struct item, link));
    ck_assert_ptr_null(LIST_LAST(&list, struct item, link));
}
END_TEST

START_TEST(removing_twice_is_harmless)
{
    struct list list;
    struct item items[] = {{.name = 'a'}, {.name = 'b'}};
    char out[16];

    list_init(&list);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list_push_back(&list, &items[i].link);
    list_remove(&items[0].link);
    ck_assert(!list_linked(&items[0].link));
    list_remove(&items[0].link);
    ck_assert(list_linked(&items[1].link));
    ck_assert_str_eq(names(&list, out), "b");
    list_remove(&items[1].link);
    ck_assert(list_empty(&list));
}
END_TEST

START_TEST(the_current_node_may_go_while_walking)
{
    struct list list;
    struct item items[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    char out[16];

    list_init(&list);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list_push_back(&list, &items[i].link);
    LIST_EACH(&list, node) {
        struct item *item = CONTAINER_OF(node, struct item, link);
        if (item->name == 'a' || item->name == 'd') {
            list_remove(node);
            memset(item, 0xff, sizeof *item);
        }
    }
    ck_assert_str_eq(names(&list, out), "bc");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        keeps_order,
        an_empty_list_has_no_ends,
        removing_twice_is_harmless,
        the_current_node_may_go_while_walking,
    };
    return suite_run("list", NULL, NULL, tests, ARRAY_LEN(tests));
}
