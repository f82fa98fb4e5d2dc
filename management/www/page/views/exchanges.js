/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges, and one of them. */
import {get, path, put, remove, withQuery} from '../api.js';
import {h} from '../dom.js';
import {fold, form} from '../form.js';
import {exchangeId, exchangeName, rate} from '../format.js';
import {list, loadPage} from '../list.js';
import {
    actInForm,
    destroy,
    exchangeLink,
    heading,
    inVhost,
    marks,
    section,
    vhostField,
    vhostNames,
} from '../page.js';
import {plot} from '../plot.js';
import {growth, rateOf, samplesQuery} from '../samples.js';
import {chosenVhost} from '../settings.js';
import {argumentsText, facts} from '../table.js';
import {FIRST_PAGE, bindForm, bindingsTable} from './bindings.js';
import {explainForm} from './explain.js';
import {publishForm} from './messages.js';

const isReserved = name => name === '' || name.startsWith('amq.');

/* ---- the list ---- */

function exchangeMarks(row) {
    return marks([
        [row.durable, 'D', 'durable: survives a restart'],
        [row.auto_delete, 'AD', 'auto-delete: goes with its last binding'],
        [row.internal, 'I', 'internal: takes no messages from clients'],
        [
            'alternate-exchange' in row.arguments,
            'AE',
            `what finds no queue goes to ${row.arguments['alternate-exchange']}`,
        ],
        [row.policy, row.policy ?? '', `policy ${row.policy}`, '#/policies'],
    ]);
}

function columns() {
    const stat = name => row => rate(rateOf(row.message_stats, name));
    return [
        {title: 'Name', sort: 'name', cell: row => exchangeLink(row.vhost, row.name)},
        ...(chosenVhost() ? [] : [{title: 'Virtual host', sort: 'vhost', cell: row => row.vhost}]),
        {title: 'Type', sort: 'type', cell: row => row.type},
        {title: 'Features', cell: exchangeMarks},
        {
            title: 'In',
            sort: 'message_stats.publish_in_details.rate',
            kind: 'n',
            cell: stat('publish_in'),
        },
        {
            title: 'Out',
            sort: 'message_stats.publish_out_details.rate',
            kind: 'n',
            cell: stat('publish_out'),
        },
    ];
}

function declareForm(vhosts, types) {
    return fold(
        'Add an exchange',
        form({
            name: 'declare exchange',
            submit: 'Add the exchange',
            fields: [
                vhostField(vhosts),
                {name: 'name', label: 'Name', required: true},
                {
                    name: 'type',
                    label: 'Type',
                    type: 'select',
                    value: 'direct',
                    options: types.map(({name}) => [name, name]),
                },
                {
                    name: 'durable',
                    label: 'Durable: survives a restart',
                    type: 'checkbox',
                    value: true,
                },
                {
                    name: 'auto_delete',
                    label: 'Auto-delete: goes with its last binding',
                    type: 'checkbox',
                },
                {
                    name: 'internal',
                    label: 'Internal: takes no messages from clients',
                    type: 'checkbox',
                },
                {
                    name: 'args',
                    label: 'Arguments',
                    type: 'arguments',
                    known: [['alternate-exchange', 'string']],
                },
            ],
            onsubmit: ({vhost, name, args, ...settings}) =>
                actInForm(
                    () => put(path`/exchanges/${vhost}/${name}`, {...settings, arguments: args}),
                    `Exchange ${name} is there.`,
                ),
        }),
    );
}

export const exchanges = {
    async load(route) {
        const [got, vhosts, overview] = await Promise.all([
            loadPage(inVhost('/exchanges'), route),
            vhostNames(),
            get('/overview?columns=exchange_types'),
        ]);
        return {got, vhosts, types: overview.exchange_types};
    },
    render: ({got, vhosts, types}, route) => [
        heading('Exchanges'),
        list(route, got, {
            noun: 'exchanges',
            columns: columns(),
            id: row => `${row.vhost}\n${row.name}`,
        }),
        vhosts.length > 0 && declareForm(vhosts, types),
    ],
};

/* ---- one ---- */

function drop({vhost, name}) {
    return destroy({
        question: `Delete the exchange ${name}?`,
        action: 'Delete',
        detail: 'Its bindings go with it; who publishes to it gets an error.',
        what: () => remove(path`/exchanges/${vhost}/${name}`),
        done: `Exchange ${name} is deleted.`,
        next: '#/exchanges',
    });
}

async function load({names: [vhost, id]}) {
    const [it, outgoing, incoming] = await Promise.all([
        get(withQuery(path`/exchanges/${vhost}/${id}`, samplesQuery('minute', 'msg_rates'))),
        get(path`/exchanges/${vhost}/${id}/bindings/source` + FIRST_PAGE),
        get(path`/exchanges/${vhost}/${id}/bindings/destination` + FIRST_PAGE),
    ]);
    return {it, outgoing, incoming};
}

function outgoingBindings({vhost, name}, outgoing) {
    return section(
        'Bindings from it',
        bindingsTable(outgoing, {
            caption: `Bindings from ${exchangeName(name)}`,
            far: 'destination',
        }),
        name !== '' && fold('Bind a queue or an exchange to it', bindForm({vhost, source: name})),
    );
}

function render({it, outgoing, incoming}) {
    const {vhost, name} = it;
    return [
        heading(
            ['Exchange ', h('span', {class: 'name'}, exchangeName(name))],
            !isReserved(name) &&
                h('button', {type: 'button', class: 'danger', onclick: () => drop(it)}, 'Delete'),
        ),
        h(
            'div',
            {class: 'plots'},
            plot(
                'Rates',
                [
                    growth('in', 1, it.message_stats, 'publish_in'),
                    growth('out', 3, it.message_stats, 'publish_out'),
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
                    ['Virtual host', vhost],
                    ['Type', it.type],
                    ['Durable', it.durable ? 'yes' : 'no'],
                    ['Auto-delete', it.auto_delete ? 'yes' : 'no'],
                    ['Internal', it.internal ? 'yes' : 'no'],
                    ['Arguments', argumentsText(it.arguments)],
                    ['Policy', it.policy],
                ]),
            ),
        ),
        section('Explain routing', explainForm({vhost, id: exchangeId(name)})),
        outgoingBindings(it, outgoing),
        name !== '' &&
            section(
                'Bindings to it',
                bindingsTable(incoming, {
                    caption: `Bindings to ${exchangeName(name)}`,
                    far: 'source',
                }),
            ),
        !it.internal && section('Messages', publishForm({vhost, exchange: name, key: ''})),
    ];
}

export const exchange = {load, render};
