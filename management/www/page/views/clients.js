/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and channels, as lists and each by itself. */
import {get, path, remove, withQuery} from '../api.js';
import {h} from '../dom.js';
import {brief, bytes, count, dateTime, rate} from '../format.js';
import {list, loadPage} from '../list.js';
import {
    channelLink,
    connectionLink,
    destroy,
    heading,
    queueLink,
    removeButton,
    section,
} from '../page.js';
import {plot} from '../plot.js';
import {growth, rateOf, samplesQuery} from '../samples.js';
import {isAdministrator, userName} from '../session.js';
import {chosenVhost} from '../settings.js';
import {argumentsText, facts, table} from '../table.js';

const ofVhost = what => (chosenVhost() ? path`/vhosts/${chosenVhost()}` + `/${what}` : `/${what}`);

/* Who isn't administrator may close his own connections only. */
const mayClose = connection => isAdministrator() || connection.user === userName();

function close(name, next) {
    return destroy({
        question: `Close the connection ${name}?`,
        action: 'Close it',
        detail: 'Its messages that are not acknowledged go back to their queues. The client may connect again.',
        what: () => remove(path`/connections/${name}`, {'X-Reason': 'Closed by an operator'}),
        done: 'The connection is closed.',
        next,
    });
}

const client = ({client_properties: properties = {}}) =>
    [properties.product, properties.version].filter(text => typeof text === 'string').join(' ');

/* ---- connections ---- */

function connectionColumns() {
    return [
        {
            title: 'Name',
            sort: 'name',
            cell: row => [
                connectionLink(row.name),
                row.user_provided_name && h('div', {class: 'help'}, row.user_provided_name),
            ],
        },
        ...(chosenVhost() ? [] : [{title: 'Virtual host', sort: 'vhost', cell: row => row.vhost}]),
        {title: 'User', sort: 'user', cell: row => row.user},
        {title: 'State', sort: 'state', cell: row => row.state},
        {title: 'TLS', sort: 'ssl', cell: row => (row.ssl ? 'yes' : 'no')},
        {title: 'Client', cell: client},
        {title: 'Channels', sort: 'channels', kind: 'n', cell: row => count(row.channels)},
        {
            title: 'From client',
            sort: 'recv_oct_details.rate',
            kind: 'n',
            cell: row => `${bytes(rateOf(row, 'recv_oct'))}/s`,
        },
        {
            title: 'To client',
            sort: 'send_oct_details.rate',
            kind: 'n',
            cell: row => `${bytes(rateOf(row, 'send_oct'))}/s`,
        },
        {
            title: '',
            cell: row =>
                mayClose(row) && removeButton(`Close ${row.name}`, () => close(row.name), 'Close'),
        },
    ];
}

export const connections = {
    load: route => loadPage(ofVhost('connections'), route),
    render: (got, route) => [
        heading('Connections'),
        list(route, got, {
            noun: 'connections',
            columns: connectionColumns(),
            id: row => row.name,
            empty: 'No client is connected.',
        }),
    ],
};

function connectionFacts(it) {
    return section(
        'About',
        facts([
            ['User', it.user],
            ['Virtual host', it.vhost],
            ['State', it.state],
            ['Name by the client', it.user_provided_name],
            ['From', `${it.peer_host}:${it.peer_port}`],
            ['Connected', dateTime(it.connected_at)],
            ['Protocol', it.protocol],
            ['Login by', it.auth_mechanism],
            ['TLS', it.ssl ? `${it.ssl_protocol}, ${it.ssl_cipher}` : 'no'],
            ['Certificate', it.peer_cert_subject],
            ['Heartbeat', it.timeout ? `${it.timeout} s` : 'none'],
            ['Largest frame', bytes(it.frame_max)],
            ['Channels at most', it.channel_max],
            ['Waiting to be sent', bytes(it.send_pend)],
            ['Client', argumentsText(it.client_properties)],
        ]),
    );
}

const mode = row =>
    (row.confirm || row.transactional) &&
    h('div', {class: 'help'}, row.confirm ? 'confirms' : 'transactions');

function channelColumns(alone) {
    const stat = name => row => rate(rateOf(row.message_stats, name));
    return [
        {title: 'Channel', sort: 'name', cell: row => channelLink(row.name)},
        ...(alone || chosenVhost()
            ? []
            : [{title: 'Virtual host', sort: 'vhost', cell: row => row.vhost}]),
        ...(alone ? [] : [{title: 'User', sort: 'user', cell: row => row.user}]),
        {title: 'State', sort: 'state', cell: row => [row.state, mode(row)]},
        {
            title: 'Consumers',
            sort: 'consumer_count',
            kind: 'n',
            cell: row => count(row.consumer_count),
        },
        {
            title: 'Prefetch',
            sort: 'prefetch_count',
            kind: 'n',
            cell: row => row.prefetch_count || 'any',
        },
        {
            title: 'Unacked',
            sort: 'messages_unacknowledged',
            kind: 'n',
            cell: row => count(row.messages_unacknowledged),
        },
        {
            title: 'Unconfirmed',
            sort: 'messages_unconfirmed',
            kind: 'n',
            cell: row => count(row.messages_unconfirmed),
        },
        {
            title: 'Publish',
            sort: 'message_stats.publish_details.rate',
            kind: 'n',
            cell: stat('publish'),
        },
        {
            title: 'Deliver',
            sort: 'message_stats.deliver_get_details.rate',
            kind: 'n',
            cell: stat('deliver_get'),
        },
        {title: 'Ack', sort: 'message_stats.ack_details.rate', kind: 'n', cell: stat('ack')},
    ];
}

export const connection = {
    async load({names: [name]}) {
        const [it, channels] = await Promise.all([
            get(withQuery(path`/connections/${name}`, samplesQuery('minute', 'data_rates'))),
            get(path`/connections/${name}/channels`),
        ]);
        return {it, channels};
    },
    render: ({it, channels}) => [
        heading(
            ['Connection ', h('span', {class: 'name'}, it.name)],
            mayClose(it) &&
                h(
                    'button',
                    {
                        type: 'button',
                        class: 'danger',
                        onclick: () => close(it.name, '#/connections'),
                    },
                    'Close',
                ),
        ),
        h(
            'div',
            {class: 'plots'},
            plot(
                'Bytes',
                [
                    growth('from the client', 1, it, 'recv_oct'),
                    growth('to the client', 2, it, 'send_oct'),
                ],
                number => `${bytes(number)}/s`,
            ),
        ),
        connectionFacts(it),
        section(
            'Channels',
            table({
                caption: 'Channels',
                rows: channels,
                columns: channelColumns(true),
                id: row => row.name,
            }),
        ),
    ],
};

/* ---- channels ---- */

export const channels = {
    load: route => loadPage(ofVhost('channels'), route),
    render: (got, route) => [
        heading('Channels'),
        list(route, got, {
            noun: 'channels',
            columns: channelColumns(false),
            id: row => row.name,
            empty: 'No channel is open.',
        }),
    ],
};

function channelConsumers(it) {
    return section(
        'Consumers',
        table({
            caption: 'Consumers',
            rows: it.consumer_details,
            id: row => row.consumer_tag,
            empty: 'It consumes nothing.',
            columns: [
                {title: 'Tag', cell: row => row.consumer_tag},
                {title: 'Queue', cell: row => queueLink(row.queue.vhost, row.queue.name)},
                {title: 'Acknowledges', cell: row => (row.ack_required ? 'yes' : 'no')},
                {title: 'Prefetch', kind: 'n', cell: row => row.prefetch_count || 'any'},
                {title: 'State', cell: row => row.activity_status.replace('_', ' ')},
            ],
        }),
    );
}

export const channel = {
    load: ({names: [name]}) =>
        get(withQuery(path`/channels/${name}`, samplesQuery('minute', 'msg_rates'))),
    render: it => [
        heading(['Channel ', h('span', {class: 'name'}, it.name)]),
        h(
            'div',
            {class: 'plots'},
            plot(
                'Message rates',
                [
                    growth('publish', 1, it.message_stats, 'publish'),
                    growth('deliver', 3, it.message_stats, 'deliver_get'),
                    growth('ack', 4, it.message_stats, 'ack'),
                    growth('confirm', 5, it.message_stats, 'confirm'),
                ],
                rate,
            ),
        ),
        h(
            'div',
            {class: 'panels'},
            section(
                'About',
                facts([
                    ['Connection', connectionLink(it.connection_details.name)],
                    ['User', it.user],
                    ['Virtual host', it.vhost],
                    ['State', it.state],
                    ['Confirms', it.confirm ? 'yes' : 'no'],
                    ['Transactions', it.transactional ? 'yes' : 'no'],
                    ['Prefetch', it.prefetch_count || 'any'],
                    ['Prefetch of all', it.global_prefetch_count || 'any'],
                    ['Unacknowledged', brief(it.messages_unacknowledged)],
                    ['Unconfirmed', brief(it.messages_unconfirmed)],
                ]),
            ),
            channelConsumers(it),
        ),
    ],
};
