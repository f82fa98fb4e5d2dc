/* SPDX-License-Identifier: Apache-2.0 */
/* Messages made of templates: what the frames say when they are taken apart again. */
#include "tools/perf_publish.h"

#include "base/check.h"
#include "proto/frame.h"
#include "proto/method.h"
#include "proto/properties.h"
#include "proto/table.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

static struct perf_options options;
static struct perf_plan plan;
static struct perf_templates templates;
static struct buf bytes; /* of one message */
static char failure[256];

static bool make(const char *line, uint32_t frame_max, uint16_t channels)
{
    static char words[512];
    char *argv[80] = {"bilby-perf"};
    int argc = 1;
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    ck_assert_msg(perf_options_parse(&options, argc, argv, failure, sizeof(failure)), "%s",
                  failure);
    perf_plan_init(&plan, &options);
    return perf_templates_init(&templates, &plan, frame_max, channels, NULL, failure,
                               sizeof(failure));
}

static void teardown(void)
{
    perf_templates_fini(&templates);
    buf_fini(&bytes);
    bytes = BUF_INIT;
}

/* One message's bytes, into `bytes`. */
static void publish(uint32_t index, uint16_t channel, uint64_t sequence)
{
    struct perf_stamp stamp = {.run = 1, .stream = 2, .sequence = sequence, .time_ns = 3};
    struct outq out = OUTQ_INIT;
    struct slice runs[8];
    buf_clear(&bytes);
    perf_template_add(&templates, index, channel, &stamp, &out);
    size_t count = outq_peek(&out, runs, ARRAY_LEN(runs));
    for (size_t i = 0; i < count; i++)
        buf_add_slice(&bytes, runs[i]);
    ck_assert_uint_eq(bytes.len, outq_len(&out));
    outq_fini(&out);
}

struct taken {
    struct method method;
    struct content_header header;
    struct properties properties;
    struct buf body;
    unsigned bodies; /* frames */
};

/* Takes `bytes` apart, all on one channel. */
static void take(struct taken *taken, uint16_t channel, uint32_t frame_max)
{
    struct slice rest = buf_slice(&bytes);
    struct frame frame;
    struct reply error;
    *taken = (struct taken){.body = BUF_INIT};
    while (rest.len) {
        ck_assert_int_eq(frame_parse(rest, frame_max, &frame, &error), FRAME_WHOLE);
        ck_assert_uint_eq(frame.channel, channel);
        ck_assert_uint_le(frame.size, frame_max);
        rest = slice_of(rest.data + frame.size, rest.len - frame.size);
        if (frame.type == FRAME_METHOD) {
            ck_assert(method_decode(&taken->method, frame.payload, &error));
        } else if (frame.type == FRAME_HEADER) {
            ck_assert(content_header_parse(&taken->header, frame.payload, &error));
            ck_assert(properties_parse(&taken->properties, taken->header.properties, &error));
        } else {
            buf_add_slice(&taken->body, frame.payload);
            taken->bodies++;
        }
    }
    ck_assert_int_eq(taken->method.kind, METHOD_BASIC_PUBLISH);
    ck_assert_uint_eq(taken->body.len, taken->header.body_size);
}

START_TEST(a_small_message_is_whole)
{
    struct taken taken;
    struct perf_stamp stamp;
    ck_assert(make("-s 20 -u jobs -f persistent -f mandatory", 4096, 3));
    for (uint16_t channel = 1; channel <= 3; channel++) {
        publish(0, channel, 1000000007);
        take(&taken, channel, 4096);
        ck_assert(slice_equal_str(taken.method.basic_publish.routing_key, "jobs"));
        ck_assert(taken.method.basic_publish.mandatory);
        ck_assert(properties_persistent(&taken.properties));
        ck_assert_uint_eq(taken.body.len, 20);
        ck_assert(perf_stamp_read(&stamp, taken.body.data, taken.body.len));
        ck_assert_uint_eq(stamp.sequence, 1000000007);
        ck_assert_uint_eq(stamp.time_ns, 3);
        buf_fini(&taken.body);
    }
}
END_TEST

/* Empty, too small for a stamp, around the stamp's sizes, copied and borrowed, one frame and many. */
START_TEST(bodies_of_all_sizes_are_right)
{
    static const size_t sizes[] = {0, 1, 9, 10, 15, 16, 17, 4087, 4088, 4089, 4096, 4097, 20000};
    char line[64];
    size_t size = sizes[_i];
    struct taken taken;
    struct perf_stamp stamp;
    snprintf(line, sizeof(line), "-s %zu", size);
    ck_assert(make(line, 4096, 2));
    publish(0, 2, 5);
    take(&taken, 2, 4096);
    ck_assert_uint_eq(taken.body.len, size);
    ck_assert_uint_eq(taken.bodies, (size + 4087) / 4088);
    ck_assert(perf_stamp_read(&stamp, taken.body.data, taken.body.len) ==
              (size >= PERF_STAMP_SEQUENCE_SIZE));
    if (size >= PERF_STAMP_SEQUENCE_SIZE)
        ck_assert_uint_eq(stamp.sequence, 5);
    buf_fini(&taken.body);
}
END_TEST

START_TEST(properties_are_typed)
{
    struct taken taken;
    struct field_value value;
    ck_assert(make("-mp priority=5,expiration=1000,content-type=text/plain,timestamp=77,retries=3,"
                   "urgent=true,who=me",
                   4096, 1));
    publish(0, 1, 0);
    take(&taken, 1, 4096);
    const struct properties *p = &taken.properties;
    ck_assert_uint_eq(properties_octet(p, PROPERTY_PRIORITY, 0), 5);
    ck_assert(slice_equal_str(properties_get(p, PROPERTY_EXPIRATION), "1000"));
    ck_assert(slice_equal_str(properties_get(p, PROPERTY_CONTENT_TYPE), "text/plain"));
    ck_assert_uint_eq(properties_timestamp(p, 0), 77);
    struct slice headers = properties_get(p, PROPERTY_HEADERS);
    ck_assert(table_find(headers, "retries", &value) && value.integer == 3);
    ck_assert(table_find(headers, "urgent", &value) && value.boolean);
    ck_assert(table_find(headers, "who", &value) && slice_equal_str(value.bytes, "me"));
    buf_fini(&taken.body);
}
END_TEST

START_TEST(bad_properties_are_told)
{
    ck_assert(!make("-mp priority=high", 4096, 1));
    ck_assert_ptr_nonnull(strstr(failure, "priority can't be 'high'"));
    ck_assert(!make("-mp delivery_mode=256", 4096, 1));
}
END_TEST

START_TEST(each_key_and_priority_has_its_template)
{
    struct taken taken;
    char name[PERF_NAME_SIZE];
    ck_assert(make("-t topic --keys 3 --priorities 4", 4096, 1));
    ck_assert_uint_eq(templates.count, 12);
    for (uint32_t i = 0; i < 12; i++) {
        publish(i, 1, i);
        take(&taken, 1, 4096);
        perf_plan_key_name(&plan, i / 4, name);
        ck_assert(slice_equal_str(taken.method.basic_publish.routing_key, name));
        ck_assert_uint_eq(properties_octet(&taken.properties, PROPERTY_PRIORITY, 99), i % 4);
        buf_fini(&taken.body);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("perf_publish");
    TCase *tests = tcase_create("perf_publish");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_small_message_is_whole);
    tcase_add_loop_test(tests, bodies_of_all_sizes_are_right, 0, 13);
    tcase_add_test(tests, properties_are_typed);
    tcase_add_test(tests, bad_properties_are_told);
    tcase_add_test(tests, each_key_and_priority_has_its_template);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
