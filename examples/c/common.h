/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the C examples share: a connection to the broker at AMQP_URL, an end with a reason when something
 * goes wrong, and the few calls that every one of them makes. Channel 1 is the only one they use.
 */
#ifndef EXAMPLES_C_COMMON_H
#define EXAMPLES_C_COMMON_H

#include <stdbool.h>

#include <amqp.h>

#define CHANNEL 1

/* Connect to AMQP_URL and open the channel. Ends the program if it can't. */
amqp_connection_state_t example_open(void);

/* Close politely and release everything. */
void example_close(amqp_connection_state_t connection);

/* End the program, saying what failed and why, if the reply is no good. */
void example_check(amqp_rpc_reply_t reply, const char *what);

/* The same for the calls that return a status. */
void example_check_status(int status, const char *what);

/* A queue: named and plain, or with name NULL exclusive and named by the broker. The caller frees the
   bytes of the name with amqp_bytes_free(). */
amqp_bytes_t example_queue(amqp_connection_state_t connection, const char *name, bool durable);

/* Declare an exchange of the type. */
void example_exchange(amqp_connection_state_t connection, const char *name, const char *type);

/* Publish a text. The properties may be NULL. */
void example_publish(amqp_connection_state_t connection, const char *exchange, const char *key,
                     const char *text, const amqp_basic_properties_t *properties);

/* Start to consume from the queue and say "waiting for WHAT". */
void example_consume(amqp_connection_state_t connection, amqp_bytes_t queue, bool no_ack,
                     const char *what);

/* Wait for the next message; the caller destroys the envelope. */
void example_next(amqp_connection_state_t connection, amqp_envelope_t *envelope);

/* How many messages to take before ending: COUNT of the environment, or 0 for no end. */
int example_count(void);

enum { EXAMPLE_TEXT_MAX = 4096 };

/* Put the words of argv from `first` on, joined by spaces, into text, or the default if there are none. */
void example_words(char text[static EXAMPLE_TEXT_MAX], int argc, char **argv, int first,
                   const char *otherwise);

#endif
