/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a method frame's payload: what is decoded encodes to the same fields again, and the
 * inline codec agrees with the table's.
 */
#include "base/check.h"
#include "proto/basic.h"
#include "proto/method.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inline(const struct method *method, struct slice payload)
{
    struct method_basic_publish publish;
    struct method_basic_ack ack;
    bool is_publish = basic_publish_decode(&publish, payload);
    CHECK(is_publish == (method && method->kind == METHOD_BASIC_PUBLISH));
    if (is_publish) {
        CHECK(slice_equal(publish.exchange, method->basic_publish.exchange));
        CHECK(slice_equal(publish.routing_key, method->basic_publish.routing_key));
        CHECK(publish.mandatory == method->basic_publish.mandatory);
        CHECK(publish.immediate == method->basic_publish.immediate);
    }
    bool is_ack = basic_ack_decode(&ack, payload);
    CHECK(is_ack == (method && method->kind == METHOD_BASIC_ACK));
    if (is_ack) {
        CHECK(ack.delivery_tag == method->basic_ack.delivery_tag);
        CHECK(ack.multiple == method->basic_ack.multiple);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct method method;
    struct method again;
    struct reply error;
    struct slice payload = slice_of(data, size);
    if (!method_decode(&method, payload, &error)) {
        CHECK(reply_is_hard(error.code));
        check_inline(NULL, payload);
        return 0;
    }
    check_inline(&method, payload);
    struct buf first = BUF_INIT;
    struct buf second = BUF_INIT;
    method_frame_add(&first, 1, &method);
    struct slice inner = slice_of(first.data + FRAME_HEADER_SIZE, first.len - FRAME_OVERHEAD);
    bool decoded = method_decode(&again, inner, &error);
    CHECK(decoded && again.kind == method.kind);
    method_frame_add(&second, 1, &again);
    CHECK(slice_equal(buf_slice(&first), buf_slice(&second)));
    buf_fini(&first);
    buf_fini(&second);
    return 0;
}
