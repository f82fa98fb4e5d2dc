/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses (#/queues/%2F/orders?sort=…) and the views that stand there.
 *
 * A view: {load: async route => data, render: (data, route) => nodes}. `route.names` are the parts of
 * the path that its pattern captures, decoded; `route.query` is what follows the question mark;
 * route.change(query) shows the same view with another query.
 */
import {channel, channels, connection, connections} from './views/clients.js';
import {user, users} from './views/users.js';
import {vhost, vhosts} from './views/vhosts.js';
import {policies} from './views/policies.js';
import {sql} from './views/sql.js';
import {topology} from './views/topology.js';
import {exchange, exchanges} from './views/exchanges.js';
import {overview} from './views/overview.js';
import {queue} from './views/queue.js';
import {queues} from './views/queues.js';
import {h} from './dom.js';
import {isAdministrator} from './session.js';
import {heading} from './page.js';

const anyone = () => true;

/* [pattern, title, view, who may, its name in the navigation]. */
const ROUTES = [
    ['/', 'Overview', overview, anyone, 'Overview'],
    ['/connections', 'Connections', connections, anyone, 'Connections'],
    ['/connections/:', 'Connection', connection, anyone],
    ['/channels', 'Channels', channels, anyone, 'Channels'],
    ['/channels/:', 'Channel', channel, anyone],
    ['/exchanges', 'Exchanges', exchanges, anyone, 'Exchanges'],
    ['/exchanges/:/:', 'Exchange', exchange, anyone],
    ['/queues', 'Queues', queues, anyone, 'Queues'],
    ['/queues/:/:', 'Queue', queue, anyone],
    ['/topology', 'Topology', topology, anyone, 'Topology'],
    ['/policies', 'Policies', policies, anyone, 'Policies'],
    ['/vhosts', 'Virtual hosts', vhosts, anyone, 'Virtual hosts'],
    ['/vhosts/:', 'Virtual host', vhost, anyone],
    ['/users', 'Users', users, isAdministrator, 'Users'],
    ['/users/:', 'User', user, isAdministrator],
    ['/sql', 'SQL', sql, isAdministrator, 'SQL'],
];

const nowhere = {
    load: async () => null,
    render: () => [heading('Nothing here'), h('p', {}, 'There is no such page.')],
};

function capture(pattern, path) {
    const wanted = pattern.split('/');
    const parts = path.split('/');
    if (wanted.length !== parts.length || wanted.some((one, i) => one !== ':' && one !== parts[i]))
        return null;
    try {
        return parts.filter((_, i) => wanted[i] === ':').map(decodeURIComponent);
    } catch {
        return null;
    }
}

export function routeOf(address) {
    const [path, query = ''] = address.replace(/^#/, '').split(/\?(.*)/s);
    const clean = path || '/';
    for (const [pattern, title, view, may] of ROUTES) {
        const names = capture(pattern, clean);
        if (names && may())
            return {
                path: clean,
                names,
                view,
                query: new URLSearchParams(query),
                title: names.length ? `${title} ${names.at(-1)}` : title,
            };
    }
    return {
        path: clean,
        names: [],
        view: nowhere,
        query: new URLSearchParams(),
        title: 'Nothing here',
    };
}

/* [{path, title}] of the pages that the user may see. */
export function navigation() {
    return ROUTES.filter(([, , , may, name]) => name && may()).map(([path, , , , title]) => ({
        path,
        title,
    }));
}
