/* SPDX-License-Identifier: Apache-2.0 */
/* One queue: what is in it, who reads it, and all that can be done to it. */
import {get, path, remove, withQuery} from '../api.js';
import {h} from '../dom.js';
import {fold} from '../form.js';
import {bytes, count, dateTime, rate} from '../format.js';
import {channelLink, destroy, heading, section} from '../page.js';
import {plot} from '../plot.js';
import {growth, level, samplesQuery} from '../samples.js';
import {argumentsText, facts, table} from '../table.js';
import {bindForm, bindingsTable} from './bindings.js';
import {getForm, publishForm} from './messages.js';

const SAMPLES = samplesQuery('minute', 'lengths', 'msg_rates');

async function load({names: [vhost, name]}) {
    const [queue, bindings] = await Promise.all([
        get(withQuery(path`/queues/${vhost}/${name}`, SAMPLES)),
        get(path`/queues/${vhost}/${name}/bindings`),
    ]);
    return {queue, bindings};
}

function plots(queue) {
    return h('div', {class: 'plots'},
        plot('Messages', [
            level('ready', 1, queue, 'messages_ready'),
            level('unacked', 2, queue, 'messages_unacknowledged'),
        ], count),
        plot('Rates', [
            growth('in', 1, queue.message_stats, 'publish'),
            growth('out', 3, queue.message_stats, 'deliver_get'),
            growth('ack', 4, queue.message_stats, 'ack'),
            growth('redelivered', 7, queue.message_stats, 'redeliver'),
        ], rate));
}

function about(queue) {
    return section('About', facts([
        ['Virtual host', queue.vhost],
        ['Type', queue.type],
        ['Durable', queue.durable ? 'yes' : 'no'],
        ['Auto-delete', queue.auto_delete ? 'yes' : 'no'],
        ['Exclusive to', queue.owner_pid_details?.name],
        ['Arguments', argumentsText(queue.arguments)],
        ['Policy', queue.policy],
        ['Operator policy', queue.operator_policy],
        ['In effect by policies', argumentsText(queue.effective_policy_definition)],
        ['Messages', `${count(queue.messages)}, ${bytes(queue.message_bytes)}`],
        ['Idle since', queue.idle_since && dateTime(Date.parse(queue.idle_since))],
    ]));
}

function consumers(queue) {
    return section('Consumers', table({
        caption: 'Consumers', rows: queue.consumer_details ?? [], empty: 'Nobody reads this queue.',
        id: row => `${row.channel_details.name} ${row.consumer_tag}`,
        columns: [
            {title: 'Tag', cell: row => row.consumer_tag},
            {title: 'Channel', cell: row => channelLink(row.channel_details.name)},
            {title: 'Acknowledges', cell: row => row.ack_required ? 'yes' : 'no'},
            {title: 'Exclusive', cell: row => row.exclusive ? 'yes' : 'no'},
            {title: 'Prefetch', kind: 'n', cell: row => row.prefetch_count || 'any'},
            {title: 'State', cell: row => row.activity_status.replace('_', ' ')},
            {title: 'Arguments', cell: row => argumentsText(row.arguments)},
        ],
    }));
}

function purge({vhost, name, messages_ready: ready}) {
    return destroy({
        question: `Delete the messages in ${name}?`, action: 'Purge',
        detail: `${count(ready)} are ready. They are lost for good.`,
        what: () => remove(path`/queues/${vhost}/${name}/contents`), done: `${name} is empty.`,
    });
}

function drop({vhost, name, messages, consumers: readers}) {
    return destroy({
        question: `Delete the queue ${name}?`, action: 'Delete',
        detail: `${count(messages)} messages go with it; ${count(readers)} consumers read it now.`,
        what: () => remove(path`/queues/${vhost}/${name}`), done: `Queue ${name} is deleted.`, next: '#/queues',
    });
}

function render({queue, bindings}) {
    const {vhost, name} = queue;
    return [
        heading(['Queue ', h('span', {class: 'name'}, name)],
            h('div', {class: 'buttons'},
                h('button', {type: 'button', class: 'danger', onclick: () => purge(queue)}, 'Purge'),
                h('button', {type: 'button', class: 'danger', onclick: () => drop(queue)}, 'Delete'))),
        plots(queue),
        about(queue),
        consumers(queue),
        section('Bindings', bindingsTable(bindings, {caption: `Bindings to ${name}`, far: 'source'}),
            fold('Bind to an exchange', bindForm({vhost, destination: name, kind: 'q'}))),
        section('Messages', getForm(queue), publishForm({vhost, exchange: '', key: name})),
        h('p', {}, h('a', {href: `#/topology?vhost=${encodeURIComponent(vhost)}&name=${encodeURIComponent(name)}`},
            'See it in the topology')),
    ];
}

export const queue = {load, render};
