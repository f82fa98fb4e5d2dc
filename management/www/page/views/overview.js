/* SPDX-License-Identifier: Apache-2.0 */
/* The whole broker at a glance. What concerns the node is for monitoring users only. */
import {get, withQuery} from '../api.js';
import {h} from '../dom.js';
import {brief, bytes, count, duration, microseconds, rate} from '../format.js';
import {heading, section} from '../page.js';
import {plot} from '../plot.js';
import {RANGES, growth, level, rateOf, samplesQuery} from '../samples.js';
import {isAdministrator, isMonitor} from '../session.js';
import {facts, table} from '../table.js';
import {definitions} from './definitions.js';
import {loadMemory, memoryPart} from './memory.js';

/* Only the node's own samples reach back further than a minute. */
function rangeOf(route) {
    const asked = route.query.get('range');
    return isMonitor() && RANGES[asked] ? asked : isMonitor() ? 'ten' : 'minute';
}

async function load(route) {
    const range = rangeOf(route);
    const [overview, nodes] = await Promise.all([
        get(withQuery('/overview', samplesQuery(range, 'lengths', 'msg_rates'))),
        isMonitor() ? get(withQuery('/nodes', samplesQuery(range, 'node_stats'))) : [],
    ]);
    const node = nodes[0] ?? null;
    return {overview, node, range, memory: node && (await loadMemory(node.name))};
}

function rangeChoice(route, range) {
    return h(
        'label',
        {class: 'choice'},
        h('span', {}, 'Time range'),
        h(
            'select',
            {
                onchange: event => route.change(new URLSearchParams({range: event.target.value})),
            },
            Object.entries(RANGES).map(([id, {label}]) =>
                h('option', {value: id, selected: id === range}, label),
            ),
        ),
    );
}

function tile(label, number, detail, href) {
    const inside = [
        h('span', {class: 'number'}, number),
        h('span', {class: 'label'}, label),
        h('span', {class: 'detail'}, detail),
    ];
    return h('li', {key: label}, href ? h('a', {href}, inside) : h('div', {}, inside));
}

function tiles({queue_totals: lengths, message_stats: stats, object_totals: objects}) {
    return h(
        'ul',
        {class: 'tiles'},
        tile(
            'ready',
            brief(lengths.messages_ready ?? 0),
            'messages',
            '#/queues?sort=messages_ready&reverse=true',
        ),
        tile(
            'unacked',
            brief(lengths.messages_unacknowledged ?? 0),
            'messages',
            '#/queues?sort=messages_unacknowledged&reverse=true',
        ),
        tile('published', rate(rateOf(stats, 'publish')), 'now'),
        tile('delivered', rate(rateOf(stats, 'deliver_get')), 'now'),
        tile('queues', count(objects.queues), '', '#/queues'),
        tile('exchanges', count(objects.exchanges), '', '#/exchanges'),
        tile('connections', count(objects.connections), '', '#/connections'),
        tile('channels', count(objects.channels), '', '#/channels'),
        tile('consumers', count(objects.consumers), ''),
    );
}

function messagePlots({queue_totals: lengths, message_stats: stats}) {
    return [
        plot(
            'Messages in queues',
            [
                level('ready', 1, lengths, 'messages_ready'),
                level('unacked', 2, lengths, 'messages_unacknowledged'),
            ],
            brief,
        ),
        plot(
            'Message rates',
            [
                growth('publish', 1, stats, 'publish'),
                growth('deliver', 3, stats, 'deliver_get'),
                growth('ack', 4, stats, 'ack'),
                growth('confirm', 5, stats, 'confirm'),
            ],
            rate,
        ),
    ];
}

function nodePlots(node) {
    return [
        plot('Memory', [level('used', 6, node, 'mem_used')], bytes),
        plot('Disk free', [level('free', 7, node, 'disk_free')], bytes),
        plot('Loop lag', [level('longest turn', 8, node, 'loop_lag_us')], microseconds),
    ];
}

function share(used, limit) {
    return limit ? `${bytes(used)} of ${bytes(limit)}` : bytes(used);
}

function nodeFacts(overview, node) {
    return section(
        'Node',
        facts([
            ['Name', node.name],
            ['Version', `Bilby ${overview.product_version}`],
            ['Speaks as', `RabbitMQ ${overview.rabbitmq_version}`],
            ['Up for', duration(node.uptime)],
            ['Process', node.os_pid],
            ['Processors', node.processors],
            ['Memory', share(node.mem_used, node.mem_limit)],
            ['Disk free', `${bytes(node.disk_free)}, at least ${bytes(node.disk_free_limit)}`],
            ['Descriptors', `${count(node.fd_used)} of ${count(node.fd_total)}`],
            ['Data', h('code', {}, node.db_dir)],
            ['Configuration', (node.config_files ?? []).join(', ')],
            ['Metrics', h('a', {href: '/metrics'}, '/metrics')],
            ['HTTP API', h('a', {href: '/api/'}, '/api/')],
        ]),
    );
}

function listeners(overview) {
    return section(
        'Listeners',
        table({
            caption: 'Listeners',
            rows: overview.listeners ?? [],
            id: row => `${row.ip_address} ${row.port}`,
            columns: [
                {title: 'Protocol', cell: row => row.protocol},
                {title: 'Address', cell: row => row.ip_address},
                {title: 'Port', cell: row => row.port, kind: 'n'},
            ],
        }),
    );
}

function totals({message_stats: stats}) {
    const rows = [
        ['published', 'publish'],
        ['confirmed', 'confirm'],
        ['delivered or got', 'deliver_get'],
        ['acknowledged', 'ack'],
        ['redelivered', 'redeliver'],
        ['returned as unroutable', 'return_unroutable'],
        ['dropped as unroutable', 'drop_unroutable'],
    ].map(([label, name]) => ({label, name}));
    return section(
        'Since the start',
        table({
            caption: 'Messages since the start',
            rows,
            id: row => row.name,
            columns: [
                {title: 'Messages', cell: row => row.label},
                {title: 'Total', cell: row => count(stats[row.name]), kind: 'n'},
                {title: 'Now', cell: row => rate(rateOf(stats, row.name)), kind: 'n'},
            ],
        }),
    );
}

function churn({churn_rates: rates}) {
    if (!rates) return null;
    const rows = ['connection', 'channel', 'queue'].map(name => ({name}));
    const made = name => rates[`${name}_created`];
    const gone = name => rates[`${name}_${name === 'queue' ? 'deleted' : 'closed'}`];
    return section(
        'Coming and going',
        table({
            caption: 'Made and gone since the start',
            rows,
            id: row => row.name,
            columns: [
                {title: 'What', cell: row => `${row.name}s`},
                {title: 'Made', cell: row => count(made(row.name)), kind: 'n'},
                {title: 'Gone', cell: row => count(gone(row.name)), kind: 'n'},
            ],
        }),
    );
}

function render({overview, node, range, memory}, route) {
    return [
        heading('Overview', isMonitor() && rangeChoice(route, range)),
        tiles(overview),
        h('div', {class: 'plots', key: 'messages'}, messagePlots(overview)),
        node && h('div', {class: 'plots small', key: 'node'}, nodePlots(node)),
        h(
            'div',
            {class: 'panels'},
            totals(overview),
            node && nodeFacts(overview, node),
            churn(overview),
            node && listeners(overview),
            memory && memoryPart(memory),
        ),
        isAdministrator() && definitions(),
    ];
}

export const overview = {load, render};
