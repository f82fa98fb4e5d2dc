/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of bilbyctl_commands.def: each does one command and gives the exit status, after
 * complaining when it is not zero.
 */
#ifndef TOOLS_BILBYCTL_VERBS_H
#define TOOLS_BILBYCTL_VERBS_H

#include "tools/bilbyctl_command.h"

enum ctl_status verb_status(struct ctl *ctl) MUST_USE;
enum ctl_status verb_send(struct ctl *ctl) MUST_USE;
enum ctl_status verb_await_startup(struct ctl *ctl) MUST_USE;
enum ctl_status verb_version(struct ctl *ctl) MUST_USE;
enum ctl_status verb_server_version(struct ctl *ctl) MUST_USE;
enum ctl_status verb_object(struct ctl *ctl) MUST_USE;
enum ctl_status verb_list(struct ctl *ctl) MUST_USE;
enum ctl_status verb_listeners(struct ctl *ctl) MUST_USE;
enum ctl_status verb_top(struct ctl *ctl) MUST_USE;
enum ctl_status verb_refuse(struct ctl *ctl) MUST_USE;
enum ctl_status verb_report(struct ctl *ctl) MUST_USE;
enum ctl_status verb_explain(struct ctl *ctl) MUST_USE;
enum ctl_status verb_sql(struct ctl *ctl) MUST_USE;
enum ctl_status verb_sql_tables(struct ctl *ctl) MUST_USE;
enum ctl_status verb_set_vhost_tags(struct ctl *ctl) MUST_USE;
enum ctl_status verb_set_limits(struct ctl *ctl) MUST_USE;
enum ctl_status verb_clear_limits(struct ctl *ctl) MUST_USE;
enum ctl_status verb_change_vhost(struct ctl *ctl) MUST_USE;
enum ctl_status verb_add_user(struct ctl *ctl) MUST_USE;
enum ctl_status verb_change_password(struct ctl *ctl) MUST_USE;
enum ctl_status verb_clear_password(struct ctl *ctl) MUST_USE;
enum ctl_status verb_authenticate_user(struct ctl *ctl) MUST_USE;
enum ctl_status verb_hash_password(struct ctl *ctl) MUST_USE;
enum ctl_status verb_set_user_tags(struct ctl *ctl) MUST_USE;
enum ctl_status verb_list_parameters(struct ctl *ctl) MUST_USE;
enum ctl_status verb_close_all_connections(struct ctl *ctl) MUST_USE;
enum ctl_status verb_declare_queue(struct ctl *ctl) MUST_USE;
enum ctl_status verb_declare_binding(struct ctl *ctl) MUST_USE;
enum ctl_status verb_delete_object(struct ctl *ctl) MUST_USE;
enum ctl_status verb_delete_binding(struct ctl *ctl) MUST_USE;
enum ctl_status verb_publish(struct ctl *ctl) MUST_USE;
enum ctl_status verb_get(struct ctl *ctl) MUST_USE;
enum ctl_status verb_export_definitions(struct ctl *ctl) MUST_USE;
enum ctl_status verb_import_definitions(struct ctl *ctl) MUST_USE;
enum ctl_status verb_help(struct ctl *ctl) MUST_USE;
enum ctl_status verb_autocomplete(struct ctl *ctl) MUST_USE;

#endif
