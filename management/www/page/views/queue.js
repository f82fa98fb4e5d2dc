/* SPDX-License-Identifier: Apache-2.0 */
/* One queue: what is in it, who reads it, and all that can be done to it. */
import {get, path, post, remove, withQuery} from '../api.js';
import {h} from '../dom.js';
import {fold, form} from '../form.js';
import {bytes, count, dateTime, rate} from '../format.js';
import {tell} from '../notice.js';
import {channelLink, destroy, heading, page, section} from '../page.js';
import {plot} from '../plot.js';
import {growth, level, samplesQuery} from '../samples.js';
import {argumentsText, facts, table} from '../table.js';
import {FIRST_PAGE, bindForm, bindingsTable} from './bindings.js';
import {getForm, publishForm} from './messages.js';

const SAMPLES = samplesQuery('minute', 'lengths', 'msg_rates');

async function load({names: [vhost, name]}) {
    const [queue, bindings] = await Promise.all([
        get(withQuery(path`/queues/${vhost}/${name}`, SAMPLES)),
        get(path`/queues/${vhost}/${name}/bindings` + FIRST_PAGE),
    ]);
    return {queue, bindings};
}

function plots(queue) {
    return h(
        'div',
        {class: 'plots'},
        plot(
            'Messages',
            [
                level('ready', 1, queue, 'messages_ready'),
                level('unacked', 2, queue, 'messages_unacknowledged'),
            ],
            count,
        ),
        plot(
            'Rates',
            [
                growth('in', 1, queue.message_stats, 'publish'),
                growth('out', 3, queue.message_stats, 'deliver_get'),
                growth('ack', 4, queue.message_stats, 'ack'),
                growth('redelivered', 7, queue.message_stats, 'redeliver'),
            ],
            rate,
        ),
    );
}

function about(queue) {
    return section(
        'About',
        facts([
            ['Virtual host', queue.vhost],
            ['Type', queue.type],
            ['Durable', queue.durable ? 'yes' : 'no'],
            ['Auto-delete', queue.auto_delete ? 'yes' : 'no'],
            ['Exclusive to', queue.owner_pid_details?.name],
            ['Arguments', argumentsText(queue.arguments)],
            ['Policy', queue.policy],
            ['Operator policy', queue.operator_policy],
            ['In effect by policies', argumentsText(queue.effective_policy_definition)],
            ['Messages', `${count(queue.messages)} (${bytes(queue.message_bytes)})`],
            ['Idle since', queue.idle_since && dateTime(Date.parse(queue.idle_since))],
        ]),
    );
}

function consumers(queue) {
    return section(
        'Consumers',
        table({
            caption: 'Consumers',
            rows: queue.consumer_details ?? [],
            empty: 'Nobody reads this queue.',
            id: row => `${row.channel_details.name} ${row.consumer_tag}`,
            columns: [
                {title: 'Tag', cell: row => row.consumer_tag},
                {title: 'Channel', cell: row => channelLink(row.channel_details.name)},
                {title: 'Acknowledges', cell: row => (row.ack_required ? 'yes' : 'no')},
                {title: 'Exclusive', cell: row => (row.exclusive ? 'yes' : 'no')},
                {title: 'Prefetch', kind: 'n', cell: row => row.prefetch_count || 'any'},
                {title: 'State', cell: row => row.activity_status.replace('_', ' ')},
                {title: 'Arguments', cell: row => argumentsText(row.arguments)},
            ],
        }),
    );
}

/* Request by request, until nothing is left. */
async function moveAll({vhost, name}, destination) {
    let moved = 0;
    for (;;) {
        const answer = await post(path`/queues/${vhost}/${name}/move`, destination);
        moved += answer.moved;
        if (answer.moved === 0 || answer.remaining === 0) return moved;
    }
}

async function move(queue, {kind, to, key}) {
    const destination =
        kind === 'queue'
            ? {destination_queue: to}
            : {destination_exchange: to, ...(key && {routing_key: key})};
    const moved = await moveAll(queue, destination);
    tell(`${count(moved)} messages were moved to ${to || '(default)'}.`);
    await page.refresh();
}

function moveForm(queue) {
    return fold(
        'Move messages',
        form({
            name: `move ${queue.name}`,
            submit: 'Move them',
            fields: [
                {
                    name: 'kind',
                    label: 'To',
                    type: 'select',
                    options: [
                        ['queue', 'the queue'],
                        ['exchange', 'the exchange, which routes them'],
                    ],
                },
                {name: 'to', label: 'named', required: true},
                {
                    name: 'key',
                    label: 'With the routing key',
                    help: 'For an exchange. Empty: each by its own.',
                },
            ],
            onsubmit: values => move(queue, values),
        }),
        h(
            'p',
            {class: 'help'},
            'All that are ready go, in their order. Each leaves this queue only when the other has taken it.',
        ),
    );
}

function purge({vhost, name, messages_ready: ready}) {
    return destroy({
        question: `Delete the messages in ${name}?`,
        action: 'Purge',
        detail: `${count(ready)} are ready. They are lost for good.`,
        what: () => remove(path`/queues/${vhost}/${name}/contents`),
        done: `${name} is empty.`,
    });
}

function drop({vhost, name, messages, consumers: readers}) {
    return destroy({
        question: `Delete the queue ${name}?`,
        action: 'Delete',
        detail: `${count(messages)} messages go with it; ${count(readers)} consumers read it now.`,
        what: () => remove(path`/queues/${vhost}/${name}`),
        done: `Queue ${name} is deleted.`,
        next: '#/queues',
    });
}

function render({queue, bindings}) {
    const {vhost, name} = queue;
    return [
        heading(
            ['Queue ', h('span', {class: 'name'}, name)],
            h(
                'div',
                {class: 'buttons'},
                h(
                    'button',
                    {type: 'button', class: 'danger', onclick: () => purge(queue)},
                    'Purge',
                ),
                h(
                    'button',
                    {type: 'button', class: 'danger', onclick: () => drop(queue)},
                    'Delete',
                ),
            ),
        ),
        plots(queue),
        about(queue),
        consumers(queue),
        section(
            'Bindings',
            bindingsTable(bindings, {caption: `Bindings to ${name}`, far: 'source'}),
            fold('Bind to an exchange', bindForm({vhost, destination: name, kind: 'q'})),
        ),
        section(
            'Messages',
            getForm(queue),
            publishForm({vhost, exchange: '', key: name}),
            moveForm(queue),
        ),
        h(
            'p',
            {},
            h(
                'a',
                {
                    href: `#/topology?vhost=${encodeURIComponent(vhost)}&name=${encodeURIComponent(name)}`,
                },
                'See it in the topology',
            ),
        ),
    ];
}

export const queue = {load, render};
