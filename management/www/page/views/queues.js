/* SPDX-License-Identifier: Apache-2.0 */
/* All queues, and the form for a new one. */
import {path, put} from '../api.js';
import {h} from '../dom.js';
import {fold, form} from '../form.js';
import {bytes, count, rate} from '../format.js';
import {list, loadPage} from '../list.js';
import {actInForm, heading, inVhost, marks, queueLink, vhostField, vhostNames} from '../page.js';
import {rateOf} from '../samples.js';
import {chosenVhost} from '../settings.js';

/* The arguments that the broker gives a meaning, and their types. */
const QUEUE_ARGUMENTS = [
    ['x-message-ttl', 'number'],
    ['x-expires', 'number'],
    ['x-max-length', 'number'],
    ['x-max-length-bytes', 'number'],
    ['x-overflow', 'string'],
    ['x-dead-letter-exchange', 'string'],
    ['x-dead-letter-routing-key', 'string'],
    ['x-max-priority', 'number'],
    ['x-delivery-limit', 'number'],
    ['x-single-active-consumer', 'boolean'],
    ['x-queue-type', 'string'],
    ['x-consumer-timeout', 'number'],
];

async function load(route) {
    const [got, vhosts] = await Promise.all([loadPage(inVhost('/queues'), route), vhostNames()]);
    return {got, vhosts};
}

function queueMarks(queue) {
    const args = queue.arguments;
    return marks([
        [queue.durable, 'D', 'durable: survives a restart'],
        [queue.auto_delete, 'AD', 'auto-delete: goes with its last consumer'],
        [queue.exclusive, 'X', 'exclusive: of one connection'],
        ['x-message-ttl' in args, 'TTL', `messages expire after ${args['x-message-ttl']} ms`],
        ['x-expires' in args, 'Exp', `goes when unused for ${args['x-expires']} ms`],
        ['x-max-length' in args || 'x-max-length-bytes' in args, 'Lim', 'limited in length'],
        [
            'x-dead-letter-exchange' in args,
            'DLX',
            `dead letters go to ${args['x-dead-letter-exchange'] || '(default)'}`,
        ],
        ['x-max-priority' in args, 'Pri', `priorities up to ${args['x-max-priority']}`],
        [args['x-single-active-consumer'] === true, 'SAC', 'a single active consumer'],
        [queue.policy, queue.policy ?? '', `policy ${queue.policy}`, '#/policies'],
        [
            queue.operator_policy,
            queue.operator_policy ?? '',
            `operator policy ${queue.operator_policy}`,
            '#/policies',
        ],
    ]);
}

const stat = name => row => rate(rateOf(row.message_stats, name));

function columns() {
    return [
        {title: 'Name', sort: 'name', cell: row => queueLink(row.vhost, row.name)},
        ...(chosenVhost() ? [] : [{title: 'Virtual host', sort: 'vhost', cell: row => row.vhost}]),
        {title: 'Type', sort: 'type', cell: row => row.type},
        {title: 'Features', cell: queueMarks},
        {title: 'Ready', sort: 'messages_ready', kind: 'n', cell: row => count(row.messages_ready)},
        {
            title: 'Unacked',
            sort: 'messages_unacknowledged',
            kind: 'n',
            cell: row => count(row.messages_unacknowledged),
        },
        {title: 'Total', sort: 'messages', kind: 'n', cell: row => count(row.messages)},
        {title: 'Bytes', sort: 'message_bytes', kind: 'n', cell: row => bytes(row.message_bytes)},
        {title: 'Consumers', sort: 'consumers', kind: 'n', cell: row => count(row.consumers)},
        {title: 'In', sort: 'message_stats.publish_details.rate', kind: 'n', cell: stat('publish')},
        {
            title: 'Out',
            sort: 'message_stats.deliver_get_details.rate',
            kind: 'n',
            cell: stat('deliver_get'),
        },
        {title: 'Ack', sort: 'message_stats.ack_details.rate', kind: 'n', cell: stat('ack')},
    ];
}

async function declare({vhost, name, type, durable, auto_delete: autoDelete, args}) {
    const typed = type ? {'x-queue-type': type, ...args} : args;
    await put(path`/queues/${vhost}/${name}`, {durable, auto_delete: autoDelete, arguments: typed});
}

function declareForm(vhosts) {
    return fold(
        'Add a queue',
        form({
            name: 'declare queue',
            submit: 'Add the queue',
            fields: [
                vhostField(vhosts),
                {name: 'name', label: 'Name', required: true},
                {
                    name: 'type',
                    label: 'Type',
                    type: 'select',
                    options: [
                        ['', 'the virtual host’s default'],
                        ['classic', 'classic'],
                        ['quorum', 'quorum'],
                    ],
                },
                {
                    name: 'durable',
                    label: 'Durable: survives a restart',
                    type: 'checkbox',
                    value: true,
                },
                {
                    name: 'auto_delete',
                    label: 'Auto-delete: goes with its last consumer',
                    type: 'checkbox',
                },
                {name: 'args', label: 'Arguments', type: 'arguments', known: QUEUE_ARGUMENTS},
            ],
            onsubmit: values => actInForm(() => declare(values), `Queue ${values.name} is there.`),
        }),
    );
}

function render({got, vhosts}, route) {
    return [
        heading('Queues'),
        list(route, got, {
            noun: 'queues',
            columns: columns(),
            id: row => `${row.vhost}\n${row.name}`,
            empty: 'There are no queues yet.',
        }),
        vhosts.length > 0 && declareForm(vhosts),
        h('p', {class: 'help'}, 'Letters under Features say their meaning when pointed at.'),
    ];
}

export const queues = {load, render};
