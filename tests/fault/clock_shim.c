/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOADed before the broker: its wall clock is off by what the file $CLOCK_FILE says, in seconds, as
 * 16 characters. Monotonic clocks are left alone, as setting the time leaves them.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    const char *path = getenv("CLOCK_FILE");
    if (result != 0 || clock != CLOCK_REALTIME || !path)
        return result;
    char text[17] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (pread(file, text, sizeof(text) - 1, 0) > 0)
            now->tv_sec += strtol(text, NULL, 10);
        close(file);
    }
    return 0;
}
