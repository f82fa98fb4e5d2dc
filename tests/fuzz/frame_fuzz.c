/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, taken as a stream of frames: each is whole, cut or refused, and consumed exactly. */
#include "base/check.h"
#include "proto/frame.h"
#include "proto/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame frame;
    struct reply error;
    struct slice input = slice_of(data, size);
    protocol_recognise(input);
    while (frame_parse(input, FRAME_SIZE_MIN, &frame, &error) == FRAME_WHOLE) {
        CHECK(frame.size == frame.payload.len + FRAME_OVERHEAD);
        CHECK(frame.size <= input.len);
        CHECK(input.data[frame.size - 1] == FRAME_END);
        frame_unknown(&frame, &error);
        CHECK(strlen(error.text) <= 255 && utf8_valid(slice_str(error.text)));
        input = slice_of(input.data + frame.size, input.len - frame.size);
    }
    return 0;
}
