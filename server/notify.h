/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the service manager how the broker is, in the protocol of sd_notify(3): a datagram to the
 * socket that the environment names.
 */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

/* Sends lines like "READY=1"; nothing happens when NOTIFY_SOCKET is not in the environment. */
void notify_manager(char *const *environment, const char *lines);

#endif
