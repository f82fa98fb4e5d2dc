/* SPDX-License-Identifier: Apache-2.0 */
/* What libraries have allocated: OpenSSL and libevent take our functions for theirs, which count. */
#ifndef SERVER_LIBRARY_MEMORY_H
#define SERVER_LIBRARY_MEMORY_H

#include <stdint.h>

/* Before the first use of either library. */
void library_memory_init(void);
/* Bytes in use, any thread. */
uint64_t library_memory_tls(void);
uint64_t library_memory_events(void);

#endif
