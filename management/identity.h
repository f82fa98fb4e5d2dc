/* SPDX-License-Identifier: Apache-2.0 */
/* Who the API says we are: our own name as the product, and the version of RabbitMQ that clients of
 * the API may take us for. */
#ifndef MANAGEMENT_IDENTITY_H
#define MANAGEMENT_IDENTITY_H

#define PRODUCT_NAME "Bilby"
#define IMITATED_VERSION "3.13.7"

#endif
