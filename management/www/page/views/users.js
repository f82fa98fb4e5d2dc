/* SPDX-License-Identifier: Apache-2.0 */
/* Users, and one of them: password, tags, permissions, limits. For administrators. */
import {get, path, put, remove} from '../api.js';
import {h} from '../dom.js';
import {fold, form} from '../form.js';
import {list, loadPage} from '../list.js';
import {actInForm, destroy, hash, heading, section, vhostNames} from '../page.js';
import {facts} from '../table.js';
import {limitsPart} from './limits.js';
import {
    permissionForm,
    permissionsTable,
    topicPermissionForm,
    topicPermissionsTable,
} from './permissions.js';

const TAGS = 'administrator, monitoring, policymaker, management, impersonator';
const tagsOf = user => (Array.isArray(user.tags) ? user.tags.join(', ') : user.tags);
const listOf = text =>
    text
        .split(',')
        .map(tag => tag.trim())
        .filter(Boolean);

const tagsField = value => ({
    name: 'tags',
    label: 'Tags',
    value,
    placeholder: 'none',
    help: `Separated by commas. Those with a meaning: ${TAGS}. Without one of the first four a user may not see this page.`,
});

/* ---- the list ---- */

const COLUMNS = [
    {title: 'Name', sort: 'name', cell: row => h('a', {href: hash`#/users/${row.name}`}, row.name)},
    {title: 'Tags', cell: tagsOf},
    {title: 'Password', cell: row => (row.password_hash ? 'set' : 'none')},
    {
        title: 'Limits',
        cell: row =>
            Object.entries(row.limits ?? {})
                .map(([name, value]) => `${name} ${value}`)
                .join(', '),
    },
];

function addForm() {
    return fold(
        'Add a user',
        form({
            name: 'add user',
            submit: 'Add the user',
            fields: [
                {name: 'name', label: 'Name', required: true},
                {
                    name: 'password',
                    label: 'Password',
                    type: 'password',
                    required: true,
                    autocomplete: 'new-password',
                },
                tagsField(''),
            ],
            onsubmit: ({name, password, tags}) =>
                actInForm(
                    () => put(path`/users/${name}`, {password, tags: listOf(tags)}),
                    `User ${name} is there. It may enter no virtual host until it has permissions.`,
                ),
        }),
    );
}

export const users = {
    load: route => loadPage('/users', route),
    render: (got, route) => [
        heading('Users'),
        list(route, got, {noun: 'users', columns: COLUMNS, id: row => row.name}),
        addForm(),
    ],
};

/* ---- one ---- */

async function load({names: [name]}) {
    const [it, permissions, topics, vhosts] = await Promise.all([
        get(path`/users/${name}`),
        get(path`/users/${name}/permissions`),
        get(path`/users/${name}/topic-permissions`),
        vhostNames(),
    ]);
    return {it, permissions, topics, vhosts};
}

/* The tags must be sent along: those of the moment. */
async function setPassword(name, password) {
    const {tags} = await get(path`/users/${name}`);
    await put(path`/users/${name}`, {password, tags});
}

function passwordForm({name}) {
    return form({
        name: `password ${name}`,
        submit: 'Set the password',
        fields: [
            {
                name: 'password',
                label: 'New password',
                type: 'password',
                required: true,
                autocomplete: 'new-password',
            },
        ],
        onsubmit: ({password}) =>
            actInForm(() => setPassword(name, password), 'The password is set.'),
    });
}

function tagsForm(it) {
    const kept = {password_hash: it.password_hash, hashing_algorithm: it.hashing_algorithm};
    return form({
        name: `tags ${it.name} ${it.password_hash} ${tagsOf(it)}`,
        submit: 'Set the tags',
        stay: true,
        fields: [tagsField(tagsOf(it))],
        onsubmit: ({tags}) =>
            actInForm(
                () => put(path`/users/${it.name}`, {...kept, tags: listOf(tags)}),
                'The tags are set.',
            ),
    });
}

function drop(name) {
    return destroy({
        question: `Delete the user ${name}?`,
        action: 'Delete',
        detail: 'Its connections are closed.',
        what: () => remove(path`/users/${name}`),
        done: `User ${name} is deleted.`,
        next: '#/users',
    });
}

function render({it, permissions, topics, vhosts}) {
    return [
        heading(
            ['User ', h('span', {class: 'name'}, it.name)],
            h('button', {type: 'button', class: 'danger', onclick: () => drop(it.name)}, 'Delete'),
        ),
        section(
            'About',
            facts([
                ['Tags', tagsOf(it) || 'none'],
                ['Password', it.password_hash ? 'set' : 'none: cannot sign in with one'],
                ['Hashed by', it.hashing_algorithm],
            ]),
            fold('Change the password', passwordForm(it)),
            fold('Change the tags', tagsForm(it)),
        ),
        section(
            'Permissions',
            permissionsTable(permissions, 'vhost'),
            fold('Set a permission', permissionForm({user: it.name, vhosts})),
        ),
        section(
            'Topic permissions',
            topicPermissionsTable(topics, 'vhost'),
            fold('Set a topic permission', topicPermissionForm({user: it.name, vhosts})),
        ),
        section(
            'Limits',
            limitsPart(path`/user-limits/${it.name}`, it.limits ?? {}, [
                'max-connections',
                'max-channels',
            ]),
        ),
    ];
}

export const user = {load, render};
