/* SPDX-License-Identifier: Apache-2.0 */
/* Routes with statistics. [rabbitmq: management, disable_stats and enable_queue_totals] */
#include "management/statistics.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define SAMPLES_MAX 500 /* RabbitMQ's: age divided by incr */
#define QUEUE_COLUMNS "arguments,auto_delete,durable,exclusive,name,node,policy,state,type,vhost"
#define QUEUE_TOTALS ",messages,messages_ready,messages_unacknowledged"

/* The first that fits counts. */
static const struct family {
    const char *pattern; /* what routes' begin with */
    const char *basics;  /* columns without statistics; NULL: none would be left */
    const char *totals;  /* the same with enable_queue_totals; NULL: as above */
    const char *error;   /* of impossible ranges */
} families[] = {
    {"/api/vhosts/{vhost}/connections", "name,vhost,user,node", NULL, "bad_request"},
    {"/api/vhosts/{vhost}/channels", NULL, NULL, "bad_request"},
    {"/api/overview",
     "cluster_name,disable_stats,enable_queue_totals,exchange_types,management_version,node,"
     "object_totals.connections,object_totals.exchanges,object_totals.queues,product_name,"
     "product_version,rabbitmq_version,rates_mode",
     NULL, "bad_request"},
    {"/api/queues/{vhost}/{queue}", QUEUE_COLUMNS, NULL, "bad_request"},
    {"/api/queues", QUEUE_COLUMNS, QUEUE_COLUMNS QUEUE_TOTALS, "invalid_range_parameters"},
    {"/api/exchanges/{vhost}/{exchange}",
     "arguments,auto_delete,durable,internal,name,policy,type,user_who_performed_action,vhost",
     NULL, "bad_request"},
    {"/api/exchanges",
     "arguments,auto_delete,durable,internal,name,policy,type,user_who_performed_action,vhost",
     NULL, "invalid_range_parameters"},
    {"/api/vhosts/{vhost}",
     "cluster_state,default_queue_type,description,metadata,name,tags,tracing", NULL,
     "bad_request"},
    {"/api/vhosts", "cluster_state,default_queue_type,description,metadata,name,tags,tracing", NULL,
     "invalid_range_parameters"},
    {"/api/nodes", "name,running,type", NULL, "bad_request"},
    {"/api/connections", "name,vhost,user,node", NULL, "bad_request"},
    {"/api/channels", NULL, NULL, "bad_request"},
    {"/api/consumers", NULL, NULL, "bad_request"},
};

static const struct family *find_family(const struct call *call)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (strncmp(call->route->pattern, families[i].pattern, strlen(families[i].pattern)) == 0)
            return &families[i];
    return NULL;
}

/* A whole number in the query; false when it is absent or none. */
static bool read_number(const struct call *call, const char *prefix, const char *what,
                        long long *number)
{
    char name[32];
    char *end = NULL;

    snprintf(name, sizeof(name), "%s_%s", prefix, what);
    char *text = call_query(call, name);
    *number = text ? strtoll(text, &end, 10) : 0;
    bool valid = text && *text && !*end;
    mem_free(text);
    return valid;
}

/* What is no number is not asked for, as RabbitMQ has it. */
static bool check_range(struct call *call, const char *prefix, const char *error)
{
    long long age, step;

    if (!read_number(call, prefix, "age", &age) || !read_number(call, prefix, "incr", &step) ||
        (age > 0 && step > 0 && age / step <= SAMPLES_MAX))
        return true;
    call_error(call, 400, error, "Invalid range parameters: age %lld, incr %lld", age, step);
    return false;
}

bool statistics_check(struct call *call)
{
    static const char *const prefixes[] = {"lengths", "msg_rates", "data_rates", "node_stats"};
    const struct family *family = find_family(call);

    if (!call->request->query.len || !family || strcmp(call->route->method, "GET") != 0)
        return true;
    if (!family->basics && call_flag(call, "disable_stats")) {
        call_error(call, 400, "bad_request", "Stats in management UI are disabled on this node");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (!check_range(call, prefixes[i], family->error))
            return false;
    return true;
}

char *statistics_columns(const struct call *call)
{
    char *columns = call_query(call, "columns");
    const struct family *family = columns ? NULL : find_family(call);

    if (!family || !family->basics || !call_flag(call, "disable_stats"))
        return columns;
    bool totals = family->totals && call_flag(call, "enable_queue_totals");
    return slice_dup(slice_str(totals ? family->totals : family->basics));
}
