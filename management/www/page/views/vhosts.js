/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts, and one of them: description, permissions, limits. */
import {get, path, put, remove} from '../api.js';
import {h} from '../dom.js';
import {fold, form} from '../form.js';
import {count, rate} from '../format.js';
import {list, loadPage} from '../list.js';
import {act, actInForm, destroy, hash, heading, page, section} from '../page.js';
import {plot} from '../plot.js';
import {growth, level, rateOf, samplesQuery} from '../samples.js';
import {isAdministrator} from '../session.js';
import {chooseVhost} from '../settings.js';
import {facts} from '../table.js';
import {limitsPart} from './limits.js';
import {
    permissionForm,
    permissionsTable,
    topicPermissionForm,
    topicPermissionsTable,
} from './permissions.js';

const LIMITS = ['max-connections', 'max-queues'];
const stat = name => row => rate(rateOf(row.message_stats, name));

/* ---- the list ---- */

const COLUMNS = [
    {
        title: 'Name',
        sort: 'name',
        cell: row => h('a', {href: hash`#/vhosts/${row.name}`}, row.name),
    },
    {title: 'Description', cell: row => row.description},
    {title: 'Tags', cell: row => (row.tags ?? []).join(', ')},
    {title: 'Ready', sort: 'messages_ready', kind: 'n', cell: row => count(row.messages_ready)},
    {
        title: 'Unacked',
        sort: 'messages_unacknowledged',
        kind: 'n',
        cell: row => count(row.messages_unacknowledged),
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
];

function fieldsOf(it) {
    return [
        {name: 'description', label: 'Description', value: it.description},
        {
            name: 'tags',
            label: 'Tags',
            value: (it.tags ?? []).join(', '),
            help: 'Separated by commas.',
        },
        {
            name: 'type',
            label: 'Queues are, unless they say otherwise',
            type: 'select',
            value: it.default_queue_type,
            options: [
                ['undefined', 'classic, not fixed'],
                ['classic', 'classic'],
                ['quorum', 'quorum'],
            ],
        },
    ];
}

function save(name, {description, tags, type}) {
    return put(path`/vhosts/${name}`, {
        description,
        tags: tags
            .split(',')
            .map(tag => tag.trim())
            .filter(Boolean)
            .join(','),
        default_queue_type: type,
    });
}

function addForm() {
    return fold(
        'Add a virtual host',
        form({
            name: 'add vhost',
            submit: 'Add the virtual host',
            fields: [{name: 'name', label: 'Name', required: true}, ...fieldsOf({})],
            onsubmit: values =>
                actInForm(
                    () => save(values.name, values),
                    `Virtual host ${values.name} is there, and you may do everything in it.`,
                ),
        }),
    );
}

export const vhosts = {
    load: route => loadPage('/vhosts', route),
    render: (got, route) => [
        heading('Virtual hosts'),
        list(route, got, {
            noun: 'virtual hosts',
            columns: COLUMNS,
            id: row => row.name,
            empty: 'There are none that you may see.',
        }),
        isAdministrator() && addForm(),
    ],
};

/* ---- one ---- */

async function load({names: [name]}) {
    const [it, limits, permissions, topics, users] = await Promise.all([
        get(
            path`/vhosts/${name}` +
                `?${new URLSearchParams(samplesQuery('minute', 'lengths', 'msg_rates'))}`,
        ),
        get(path`/vhost-limits/${name}`),
        ...(isAdministrator()
            ? [
                  get(path`/vhosts/${name}/permissions`),
                  get(path`/vhosts/${name}/topic-permissions`),
                  get('/users?columns=name'),
              ]
            : [null, null, null]),
    ]);
    return {
        it,
        limits: limits[0]?.value ?? {},
        permissions,
        topics,
        users: users?.map(user => user.name),
    };
}

function drop(name) {
    return destroy({
        question: `Delete the virtual host ${name}?`,
        action: 'Delete it with all that is in it',
        detail: 'Its queues, their messages, its exchanges, permissions and policies are lost for good; its connections are closed.',
        what: () => remove(path`/vhosts/${name}`),
        done: `Virtual host ${name} is deleted.`,
        next: '#/vhosts',
    });
}

function trace(it) {
    return act(
        () => put(path`/vhosts/${it.name}`, {tracing: !it.tracing}),
        it.tracing
            ? 'Tracing is off.'
            : 'Tracing is on: amq.rabbitmq.trace gets a copy of everything.',
    );
}

/* Only these queues and exchanges from now on. */
function enter(name) {
    chooseVhost(name);
    page.go('#/queues');
    location.reload();
}

function administration({it, limits, permissions, topics, users}) {
    const {name} = it;
    return [
        section(
            'Permissions',
            permissionsTable(permissions, 'user'),
            fold('Set a permission', permissionForm({vhost: name, users})),
        ),
        section(
            'Topic permissions',
            topicPermissionsTable(topics, 'user'),
            fold('Set a topic permission', topicPermissionForm({vhost: name, users})),
        ),
        section('Limits', limitsPart(path`/vhost-limits/${name}`, limits, LIMITS)),
        section(
            'Change',
            h(
                'p',
                {},
                h(
                    'button',
                    {type: 'button', onclick: () => trace(it)},
                    it.tracing ? 'Stop tracing' : 'Start tracing',
                ),
            ),
            form({
                name: `change ${JSON.stringify([name, it.description, it.tags, it.default_queue_type])}`,
                submit: 'Save',
                stay: true,
                fields: fieldsOf(it),
                onsubmit: values => actInForm(() => save(name, values), 'It is saved.'),
            }),
        ),
    ];
}

function render(data) {
    const {it, limits} = data;
    return [
        heading(
            ['Virtual host ', h('span', {class: 'name'}, it.name)],
            h(
                'div',
                {class: 'buttons'},
                h('button', {type: 'button', onclick: () => enter(it.name)}, 'Show its queues'),
                isAdministrator() &&
                    h(
                        'button',
                        {type: 'button', class: 'danger', onclick: () => drop(it.name)},
                        'Delete',
                    ),
            ),
        ),
        h(
            'div',
            {class: 'plots'},
            plot(
                'Messages',
                [
                    level('ready', 1, it, 'messages_ready'),
                    level('unacked', 2, it, 'messages_unacknowledged'),
                ],
                count,
            ),
            plot(
                'Rates',
                [
                    growth('publish', 1, it.message_stats, 'publish'),
                    growth('deliver', 3, it.message_stats, 'deliver_get'),
                    growth('ack', 4, it.message_stats, 'ack'),
                ],
                rate,
            ),
        ),
        section(
            'About',
            facts([
                ['Description', it.description],
                ['Tags', (it.tags ?? []).join(', ')],
                [
                    'Default queue type',
                    it.default_queue_type === 'undefined' ? 'classic' : it.default_queue_type,
                ],
                ['Tracing', it.tracing ? 'on' : 'off'],
                ...Object.entries(limits),
            ]),
        ),
        isAdministrator() && administration(data),
    ];
}

export const vhost = {load, render};
