/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: a whole document in, the same out, over a restart; nothing changes when anything is
 * wrong. */
#include "management/definitions.h"

#include "base/mem.h"
#include "broker/access.h"
#include "management/call.h"
#include "management/json.h"
#include "tests/support/api_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DISK "definitions-test"
#define TEST12 "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR" /* RabbitMQ's documented hash */

static struct memvfs *disk;
static struct api api;
static struct buf logged;
static char message[512];

static void note_line(void *context, enum log_level level, const char *line, size_t len)
{
    (void)context;
    (void)level;
    buf_add(&logged, line, len);
    buf_add_u8(&logged, '\n');
}

static struct log log_of_test = {.level = LOG_WARNING, .write = note_line};

static void setup(void)
{
    disk = memvfs_new(DISK);
    api = (struct api){.world = {.vfs = DISK}};
    logged = BUF_INIT;
    api_open(&api);
    api.world.broker->log = &log_of_test;
}

static void teardown(void)
{
    api_close(&api);
    memvfs_free(disk);
    buf_fini(&logged);
}

static enum err import(const char *text)
{
    char *copy = slice_dup(slice_str(text));

    for (char *at = copy; *at; at++)
        if (*at == '\'')
            *at = '"';
    enum err error =
        definitions_import_text(api.world.broker, NULL, slice_str(copy), message, sizeof(message));
    mem_free(copy);
    return error;
}

/* By its handler, without a login: imports change the users. */
static char *exported(void)
{
    struct management management = {.broker = api.world.broker, .version = "9.9.9"};
    struct http_request request = {0};
    const struct route route = {.pattern = "/api/definitions"};
    struct http_response response;
    struct call call = {.management = &management,
                        .broker = api.world.broker,
                        .request = &request,
                        .route = &route,
                        .response = &response};

    http_response_init(&response);
    definitions_answer(&call);
    struct buf text = BUF_INIT;
    bool done = false;
    while (!done) {
        done = management_work(&call, 500);
        buf_add_slice(&text, buf_slice(&response.body));
        buf_clear(&response.body); /* as if it had left */
    }
    call.task->free(call.task_state);
    char *copy = slice_dup(buf_slice(&text));
    buf_fini(&text);
    http_response_fini(&response);
    return copy;
}

/* As RabbitMQ writes it, in the order in which Bilby does. */
static const char whole[] =
    "{'rabbit_version':'3.13.7','rabbitmq_version':'3.13.7','product_name':'Bilby',"
    "'product_version':'9.9.9','rabbitmq_definition_format':'cluster',"
    "'original_cluster_name':'rabbit@localhost',"
    "'users':[{'name':'alice','password_hash':'" TEST12 "','hashing_algorithm':"
    "'rabbit_password_hashing_sha256','tags':['monitoring','own'],'limits':{'max-channels':7}},"
    "{'name':'guest','password_hash':'','hashing_algorithm':'rabbit_password_hashing_sha512',"
    "'tags':['administrator'],'limits':{}}],"
    "'vhosts':[{'name':'/','description':'','tags':[],'metadata':{'description':'','tags':[]}},"
    "{'name':'v','description':'d','tags':['t'],'default_queue_type':'quorum','metadata':"
    "{'description':'d','tags':['t'],'default_queue_type':'quorum'}}],"
    "'permissions':[{'user':'guest','vhost':'/','configure':'.*','write':'.*','read':'.*'},"
    "{'user':'alice','vhost':'v','configure':'^a','write':'','read':'^(?!amq)'}],"
    "'topic_permissions':[{'user':'alice','vhost':'v','exchange':'amq.topic','write':"
    "'^{username}','read':'.*'}],"
    "'parameters':[{'name':'s','value':{'src-uri':'amqp://'},'vhost':'v','component':'shovel'},"
    "{'vhost':'v','component':'vhost-limits','name':'limits','value':{'max-queues':9}},"
    "{'vhost':'v','component':'operator_policy','name':'op','value':{'pattern':'.*','apply-to':"
    "'queues','definition':{'max-length':5},'priority':1}}],"
    "'global_parameters':[{'name':'cluster_name','value':'home'}],"
    "'policies':[{'vhost':'v','name':'p','pattern':'^q','apply-to':'queues','definition':"
    "{'message-ttl':5},'priority':-1}],"
    "'queues':[{'name':'q1','vhost':'v','type':'classic','durable':true,'auto_delete':false,"
    "'arguments':{'x-max-length':5,'x-queue-type':'classic'}},"
    "{'name':'q2','vhost':'v','type':'quorum','durable':true,'auto_delete':false,'arguments':"
    "{'x-queue-type':'quorum'}}],"
    "'exchanges':[{'name':'h','vhost':'v','type':'headers','durable':true,'auto_delete':false,"
    "'internal':true,'arguments':{}},"
    "{'name':'x','vhost':'v','type':'topic','durable':true,'auto_delete':false,'internal':false,"
    "'arguments':{'alternate-exchange':'h'}}],"
    "'bindings':[{'source':'h','vhost':'v','destination':'q2','destination_type':'queue',"
    "'routing_key':'','arguments':{'a':1,'x-match':'any'}},"
    "{'source':'x','vhost':'v','destination':'h','destination_type':'exchange','routing_key':"
    "'#','arguments':{}},"
    "{'source':'x','vhost':'v','destination':'q1','destination_type':'queue','routing_key':"
    "'a.*','arguments':{}}]}";

static void expect_whole(void)
{
    char *text = exported();
    char *expected = slice_dup(slice_str(whole));

    for (char *at = expected; *at; at++)
        if (*at == '\'')
            *at = '"';
    /* Parameters are sorted by name within their component; compared as values. */
    json_t *a = json_loads(text, 0, NULL), *b = json_loads(expected, 0, NULL);
    ck_assert_ptr_nonnull(b);
    json_object_set_new(b, "parameters", json_copy(json_object_get(a, "parameters")));
    ck_assert_uint_eq(json_array_size(json_object_get(a, "parameters")), 3);
    ck_assert_msg(json_equal(a, b), "%s\ninstead of\n%s", text, expected);
    json_decref(a);
    json_decref(b);
    mem_free(expected);
    mem_free(text);
}

START_TEST(document_goes_in_and_comes_out)
{
    enum err error = import(whole);

    ck_assert_msg(error == ERR_OK, "%s", message);
    expect_whole();
    world_turn(&api.world);
    api_restart(&api);
    expect_whole();
}
END_TEST

START_TEST(what_was_imported_works)
{
    ck_assert_int_eq(import(whole), ERR_OK);
    api.credentials = "alice:test12";
    expect(&api, "GET", "/api/whoami", NULL, 200, "{'name':'alice','tags':['monitoring','own']}");
    expect(&api, "GET", "/api/queues/v?columns=name,type", NULL, 200,
           "[{'name':'q1','type':'classic'},{'name':'q2','type':'quorum'}]");
    expect(&api, "GET", "/api/vhost-limits/v", NULL, 200,
           "[{'vhost':'v','value':{'max-queues':9}}]");
    expect(&api, "GET", "/api/cluster-name", NULL, 200, "{'name':'home'}");
    expect(&api, "GET", "/api/policies/v?columns=name,definition", NULL, 200,
           "[{'name':'p','definition':{'message-ttl':5}}]");
    expect(&api, "GET", "/api/operator-policies/v?columns=name,priority", NULL, 200,
           "[{'name':'op','priority':1}]");
    expect(&api, "GET", "/api/exchanges/v/x/bindings/source?columns=routing_key", NULL, 200,
           "[{'routing_key':'#'},{'routing_key':'a.*'}]");
}
END_TEST

START_TEST(parameters_warn_that_they_do_nothing)
{
    ck_assert_int_eq(import(whole), ERR_OK);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&logged), "no effect in this version\" kind=parameter "
                                                    "name=s"));
}
END_TEST

START_TEST(importing_twice_changes_nothing)
{
    ck_assert_int_eq(import(whole), ERR_OK);
    buf_clear(&logged);
    ck_assert_int_eq(import(whole), ERR_OK);
    expect_whole();
    ck_assert_ptr_null(strstr(buf_cstr(&logged), "left as it is"));
}
END_TEST

struct fault {
    const char *document, *message;
};

#define GOOD_USER "{'name':'new','tags':'','password':'x'}"
#define IN(section, item) "{'users':[" GOOD_USER "],'" section "':[" item "]}"

static const struct fault faults[] = {
    {"[]", "definitions must be a JSON object"},
    {"{'users':5}", "section 'users': must be a list"},
    {"{'users':[5]}", "section 'users': item 1 is no object"},
    {"{'users':[" GOOD_USER ",{'name':'x'}]}", "user 'x': \"tags\" is missing or no list of texts"},
    {"{'users':[" GOOD_USER ",{'tags':''}]}", "user '?': \"name\" is missing"},
    {"{'users':[" GOOD_USER ",{'name':'x','tags':'','password_hash':'zz'}]}",
     "user 'x': \"password_hash\" is no hash of rabbit_password_hashing_sha256"},
    {"{'users':[" GOOD_USER
     ",{'name':'x','tags':'','password_hash':'','hashing_algorithm':'crypt'}]}",
     "user 'x': unknown hashing algorithm 'crypt'"},
    {"{'users':[" GOOD_USER ",{'name':'x','tags':'','limits':{'zork':1}}]}",
     "user 'x': limit \"zork\" is unknown or no number"},
    {IN("vhosts", "{'name':''}"), "vhost '': the name is empty"},
    {IN("permissions", "{'user':'zz','vhost':'/','configure':'','write':'','read':''}"),
     "permission of user 'zz': there is no such user"},
    {IN("permissions", "{'user':'new','vhost':'zz','configure':'','write':'','read':''}"),
     "permission of user 'new': there is no virtual host 'zz'"},
    {IN("permissions", "{'user':'new','vhost':'/','configure':'(','write':'','read':''}"),
     "permission of user 'new': \"configure\": missing closing parenthesis at offset 1"},
    {IN("policies", "{'vhost':'/','name':'p','pattern':'','definition':[]}"),
     "policy 'p': no policy provided"},
    {IN("policies", "{'vhost':'/','name':'p','definition':{'max-length':1}}"),
     "policy 'p': pattern should be a binary but was undefined"},
    {IN("parameters", "{'vhost':'/','name':'p','component':'c'}"),
     "parameter 'p': it has no component or no value"},
    {IN("queues", "{'name':'q','vhost':'zz','durable':true,'auto_delete':false}"),
     "queue 'q': there is no virtual host 'zz'"},
    {IN("queues", "{'name':'q','vhost':'/'}"), "queue 'q': \"durable\" is missing"},
    {IN("queues", "{'name':'q','vhost':'/','durable':1,'auto_delete':false}"),
     "queue 'q': \"durable\" must be true or false"},
    {IN("queues", "{'name':'q','vhost':'/','durable':true,'auto_delete':false,'arguments':"
                  "{'x-expires':0}}"),
     "queue 'q': invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}"},
    {IN("queues", "{'name':'q','vhost':'/','durable':false,'auto_delete':false,'type':'quorum'}"),
     "queue 'q': a quorum queue must be durable and not auto-delete"},
    {IN("exchanges", "{'name':'x','vhost':'/','durable':true,'auto_delete':false,'type':'zork'}"),
     "exchange 'x': unknown exchange type 'zork'"},
    {IN("bindings", "{'source':'x','vhost':'/','destination':'q','destination_type':'zork'}"),
     "binding of exchange 'x': \"destination_type\" must be queue or exchange"},
};

START_TEST(nothing_changes_when_anything_is_wrong)
{
    const struct fault *fault = &faults[_i];
    char *before = exported();

    ck_assert_int_eq(import(fault->document), ERR_INVALID);
    ck_assert_str_eq(message, fault->message);
    char *after = exported();
    ck_assert_str_eq(after, before);
    mem_free(before);
    mem_free(after);
}
END_TEST

START_TEST(text_that_is_no_json_is_told_where)
{
    ck_assert_int_eq(import("{\n  'users': [}"), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(message, "not JSON: line 2, column 13"));
}
END_TEST

START_TEST(bindings_without_ends_are_left_out)
{
    ck_assert_int_eq(import("{'bindings':[{'source':'nope','vhost':'/','destination':'q',"
                            "'destination_type':'queue','routing_key':'','arguments':{}}]}"),
                     ERR_OK);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&logged), "binding left out"));
}
END_TEST

START_TEST(old_hashes_are_md5)
{
    /* MD5 over the salt 00000000 and "old". */
    static const char document[] =
        "{'rabbit_version':'3.5.0','users':[{'name':'old','tags':'management','password_hash':"
        "'%s'}]}";
    char text[512];

    snprintf(text, sizeof(text), document, "AAAAAP8+J6+xANBVN/7tYKu1X8E=");
    ck_assert_int_eq(import(text), ERR_OK);
    ck_assert_str_eq(access_find(api.world.broker->access, slice_str("old"))->hashing_algorithm,
                     "rabbit_password_hashing_md5");
}
END_TEST

START_TEST(one_virtual_host_goes_to_another)
{
    ck_assert_int_eq(import(whole), ERR_OK);
    /* The import took guest's password. */
    expect(&api, "GET", "/api/definitions/v", NULL, 401, NULL);
    access_set_user(api.world.broker->access, slice_str("guest"), slice_str("guest"),
                    slice_str("administrator"));
    expect(&api, "GET", "/api/definitions/v", NULL, 200, NULL);
    char *text = slice_dup(slice_str(answer(&api)));
    ck_assert_ptr_null(strstr(text, "\"vhost\""));
    ck_assert_ptr_null(strstr(text, "\"users\""));
    ck_assert_int_eq(
        ask_bytes(&api, "POST", "/api/definitions/%2F", "application/json", slice_str(text)), 204);
    mem_free(text);
    ck_assert_ptr_nonnull(queue_find(world_vhost(&api.world), slice_str("q2")));
}
END_TEST

START_TEST(forms_carry_files)
{
    static const char form[] =
        "--XX\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nzork\r\n--XX\r\n"
        "Content-Disposition: form-data; name=\"file\"; filename=\"d.json\"\r\n"
        "Content-Type: application/json\r\n\r\n{\"vhosts\":[{\"name\":\"formed\"}]}\r\n--XX--\r\n";

    ck_assert_int_eq(ask_bytes(&api, "POST", "/api/definitions", "multipart/form-data; boundary=XX",
                               slice_str(form)),
                     204);
    ck_assert_ptr_nonnull(vhost_find(api.world.broker, slice_str("formed")));
    ck_assert_int_eq(ask_bytes(&api, "POST", "/api/definitions", "multipart/form-data; boundary=YY",
                               slice_str(form)),
                     400);
    expect(&api, "POST", "/api/definitions/nosuch", "{}", 404,
           "{'error':'not_found','reason':'vhost_not_found'}");
}
END_TEST

START_TEST(files_are_read)
{
    char path[] = "/tmp/definitions-test-XXXXXX";
    static const char text[] = "{\"vhosts\":[{\"name\":\"filed\"}]}";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, sizeof(text) - 1), (int)sizeof(text) - 1);
    ck_assert_int_eq(definitions_import_file(api.world.broker, path, message, sizeof(message)),
                     ERR_OK);
    ck_assert_ptr_nonnull(vhost_find(api.world.broker, slice_str("filed")));
    ck_assert_int_eq(write(fd, "}", 1), 1);
    ck_assert_int_eq(definitions_import_file(api.world.broker, path, message, sizeof(message)),
                     ERR_SYNTAX);
    ck_assert_int_eq(strncmp(message, path, strlen(path)), 0);
    ck_assert_ptr_nonnull(strstr(message, "not JSON: line 1"));
    close(fd);
    unlink(path);
    ck_assert_int_eq(definitions_import_file(api.world.broker, path, message, sizeof(message)),
                     ERR_IO);
    ck_assert_ptr_nonnull(strstr(message, "No such file or directory"));
}
END_TEST

/* suite_run() takes plain tests only; the faults are a loop. */
int main(void)
{
    const TTest *const tests[] = {
        document_goes_in_and_comes_out,
        what_was_imported_works,
        parameters_warn_that_they_do_nothing,
        importing_twice_changes_nothing,
        text_that_is_no_json_is_told_where,
        bindings_without_ends_are_left_out,
        old_hashes_are_md5,
        one_virtual_host_goes_to_another,
        forms_carry_files,
        files_are_read,
    };
    Suite *suite = suite_create("definitions");
    TCase *cases = tcase_create("definitions");

    tcase_add_checked_fixture(cases, setup, teardown);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tcase_add_test(cases, tests[i]);
    tcase_add_loop_test(cases, nothing_changes_when_anything_is_wrong, 0, ARRAY_LEN(faults));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
