/* SPDX-License-Identifier: Apache-2.0 */
/* The second virtual host comes and goes while its clients work, and nobody in the first one may notice.
 * What a crash leaves of one that is made or deleted just then:
 *
 * (1) Until the node's database has forgotten it, it may be there again, as it was or empty.
 * (2) Until the node's database knows it, it may be gone, and its file be found when it is made again:
 *     nobody was told anything about it by then.
 * (3) One that was made anew is empty, unless the disk did not let the old one's file go.
 */
#include "tests/sim/node.h"

#include "broker/access.h"
#include "broker/broker.h"
#include "broker/vhost.h"
#include "tests/sim/peek.h"
#include "tests/sim/tap.h"

#include <inttypes.h>

#define AT_ONCE 5

bool realm_known(const struct node *node, const struct realm *realm)
{
    return store_durable(store_node(node->store)) >= realm->known;
}

void realm_foresee(struct realm *realm, uint64_t durable)
{
    if (realm->known <= durable)
        realm->known = 0;
    if (realm->forgotten <= durable)
        realm->forgotten = 0;
}

/* -- what is in it -- */

static bool is_stored(struct model *model, uint64_t turn, const char **why)
{
    memvfs_let_look(model->node->disk, true);
    bool there = peek_stored(model, turn, why);
    memvfs_let_look(model->node->disk, false);
    return there;
}

/* The model goes back to the turn that the disk shows; false: it shows none of these. */
static bool find_turn(struct realm *realm, const struct candidates *candidates, const char **why)
{
    struct model *model = realm->model;
    for (size_t i = 0; i < candidates->count; i++) {
        uint64_t turn = candidates->turns[i];
        if (!is_stored(model, turn, why))
            continue;
        trace_line(model->trace, "node: %s starts with what turn %" PRIu64 " left", realm->name,
                   turn);
        model_restart(model, turn, candidates->clean);
        return true;
    }
    return false;
}

static void keep(struct realm *realm)
{
    realm->before = ARENA_NEW(realm->model->arena, struct model);
    *realm->before = *realm->model;
    model_empty(realm->model);
}

/* What was kept may be there, or nothing; nothing else. */
static void find_kept(struct realm *realm, const struct candidates *candidates)
{
    struct model now = *realm->model;
    const char *why = NULL;
    if (realm->before) {
        *realm->model = *realm->before;
        model_take_time(realm->model, &now);
        realm->before = NULL;
        if (find_turn(realm, candidates, &why))
            return;
        *realm->model = now;
    }
    if (!is_stored(realm->model, realm->model->turn, &why))
        model_fail(realm->model, "%s: holds what was not left there: %s", realm->name, why);
    model_restart(realm->model, realm->model->turn, candidates->clean);
}

/* -- after a start -- */

static void find_there(struct node *node, struct realm *realm, const struct candidates *candidates)
{
    const char *why = NULL;
    if (realm->state == REALM_GONE && realm->forgotten == 0)
        model_fail(node->model, "virtual host %s is there again", realm->name);
    if (realm->state == REALM_THERE && !find_turn(realm, candidates, &why))
        model_fail(node->model,
                   "%s: the disk holds what no turn left (durable up to %" PRIu64 "): %s",
                   realm->name, realm->model->durable, why);
    if (realm->state != REALM_THERE)
        find_kept(realm, candidates);
    realm->state = REALM_THERE;
}

static void find_gone(struct node *node, struct realm *realm, const struct candidates *candidates)
{
    if (realm->state == REALM_GOING || (realm->state == REALM_THERE && realm->known == 0))
        model_fail(node->model, "virtual host %s is lost", realm->name);
    if (realm->state == REALM_THERE) {
        realm->left = *candidates;
        keep(realm);
    }
    trace_line(node->model->trace, "node: %s is not there", realm->name);
    realm->state = REALM_GONE;
    model_restart(realm->model, realm->model->turn, false);
}

void realm_find(struct node *node, struct realm *realm, const struct candidates *candidates)
{
    if (realm->db)
        find_there(node, realm, candidates);
    else
        find_gone(node, realm, candidates);
    realm->known = realm->forgotten = 0;
}

/* -- coming and going -- */

/* With a database goes what was wrong with it; but if the disk is broken its file may stay. */
static void note_end(struct node *node, struct realm *gone)
{
    gone->state = REALM_GONE;
    gone->db = NULL;
    gone->left = (struct candidates){
        .turns = {gone->model->turn, gone->model->handed, gone->model->durable},
        .count = node_broken(node) || node_dark(node) ? CANDIDATES_MAX : 0,
    };
    gone->forgotten = store_last(store_node(node->store));
    realm_reset(gone);
    trace_line(node->model->trace, "node: %s is gone", gone->name);
    EACH_REALM(node, realm)
    model_set_alarm(realm->model, M_ALARM_STORE, peek_refused(node));
}

void node_note_vhosts(struct node *node)
{
    EACH_REALM(node, realm)
    if (realm->state == REALM_GOING && !vhost_deleting(node->broker, slice_str(realm->name)))
        note_end(node, realm);
}

static void delete_realm(struct node *node, struct realm *realm)
{
    trace_line(node->model->trace, "operator: deletes %s", realm->name);
    vhost_delete(vhost_find(node->broker, slice_str(realm->name)));
    realm->state = REALM_GOING;
    node_note_vhosts(node);
    tap_all(node);
    model_vhost_deleted(realm->model);
    model_phase_end(realm->model);
    keep(realm);
}

static void make_realm(struct node *node, struct realm *realm)
{
    struct vhost *vhost = node_make_vhost(node, realm->name);
    trace_line(node->model->trace, "operator: makes %s%s", realm->name, vhost ? "" : ", in vain");
    if (!vhost)
        return;
    struct model now = *realm->model;
    realm->db = vhost->db;
    find_kept(realm, &realm->left);
    realm->model->connections = now.connections;
    memcpy(realm->model->alarms, now.alarms, sizeof now.alarms);
    realm->state = REALM_THERE;
    realm->known = store_last(store_node(node->store));
    realm->forgotten = 0;
    realm_reset(realm);
}

/* So few that all are sent away in one turn: the model knows no other way. */
static bool has_few_connections(const struct node *node, const struct realm *realm)
{
    return vhost_find(node->broker, slice_str(realm->name))->connection_count <= AT_ONCE;
}

void node_toggle_vhost(struct node *node)
{
    struct realm *realm = &node->realms[1];
    if (realm->state == REALM_THERE && has_few_connections(node, realm))
        delete_realm(node, realm);
    else if (realm->state == REALM_GONE)
        make_realm(node, realm);
}
