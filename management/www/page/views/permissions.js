/* SPDX-License-Identifier: Apache-2.0 */
/* Permissions and topic permissions, of a user or in a virtual host. */
import {path, put, remove} from '../api.js';
import {h} from '../dom.js';
import {form} from '../form.js';
import {exchangeId, exchangeName} from '../format.js';
import {actInForm, destroy, hash, removeButton} from '../page.js';
import {table} from '../table.js';

const pattern = text => h('code', {}, text === '' ? '(nothing)' : text);
const rule = (name, label) => ({
    name,
    label,
    value: '.*',
    help: 'A regular expression for names. Empty: nothing.',
});

/* Who or where, as a link: `far` is 'vhost' or 'user'. */
function farEnd(row, far) {
    return far === 'vhost'
        ? h('a', {href: hash`#/vhosts/${row.vhost}`}, row.vhost)
        : h('a', {href: hash`#/users/${row.user}`}, row.user);
}

const farTitle = far => (far === 'vhost' ? 'Virtual host' : 'User');

function clear({vhost, user}) {
    return destroy({
        question: `Clear the permissions of ${user} in ${vhost}?`,
        action: 'Clear',
        detail: `${user} may then no longer enter ${vhost}.`,
        what: () => remove(path`/permissions/${vhost}/${user}`),
        done: 'The permission is cleared.',
    });
}

export function permissionsTable(rows, far) {
    return table({
        caption: 'Permissions',
        rows,
        id: row => row[far],
        empty: 'There are none.',
        columns: [
            {title: farTitle(far), cell: row => farEnd(row, far)},
            {title: 'Configure', cell: row => pattern(row.configure)},
            {title: 'Write', cell: row => pattern(row.write)},
            {title: 'Read', cell: row => pattern(row.read)},
            {title: '', cell: row => removeButton(`Clear ${row[far]}`, () => clear(row), 'Clear')},
        ],
    });
}

/* What the owner of the form doesn't fix is asked for. */
function endFields({user, vhost, users, vhosts}) {
    return [
        user === undefined && {
            name: 'user',
            label: 'User',
            type: 'select',
            options: users.map(name => [name, name]),
        },
        vhost === undefined && {
            name: 'vhost',
            label: 'Virtual host',
            type: 'select',
            options: vhosts.map(name => [name, name]),
        },
    ].filter(Boolean);
}

/* {user, vhosts} or {vhost, users}. */
export function permissionForm(ends) {
    return form({
        name: `permission ${ends.user ?? ''} ${ends.vhost ?? ''}`,
        submit: 'Set the permission',
        fields: [
            ...endFields(ends),
            rule('configure', 'Configure'),
            rule('write', 'Write'),
            rule('read', 'Read'),
        ],
        onsubmit: values => {
            const {user, vhost, configure, write, read} = {...ends, ...values};
            return actInForm(
                () => put(path`/permissions/${vhost}/${user}`, {configure, write, read}),
                'The permission is set.',
            );
        },
    });
}

function clearTopic({vhost, user, exchange}) {
    return destroy({
        question: `Clear the topic permission of ${user} for ${exchangeName(exchange)} in ${vhost}?`,
        action: 'Clear',
        what: () => remove(path`/topic-permissions/${vhost}/${user}/${exchangeId(exchange)}`),
        done: 'The topic permission is cleared.',
    });
}

export function topicPermissionsTable(rows, far) {
    return table({
        caption: 'Topic permissions',
        rows,
        id: row => `${row[far]}\n${row.exchange}`,
        empty: 'There are none: any routing key is allowed.',
        columns: [
            {title: farTitle(far), cell: row => farEnd(row, far)},
            {title: 'Exchange', cell: row => exchangeName(row.exchange)},
            {title: 'Write', cell: row => pattern(row.write)},
            {title: 'Read', cell: row => pattern(row.read)},
            {
                title: '',
                cell: row =>
                    removeButton(
                        `Clear ${row[far]}, ${exchangeName(row.exchange)}`,
                        () => clearTopic(row),
                        'Clear',
                    ),
            },
        ],
    });
}

export function topicPermissionForm(ends) {
    return form({
        name: `topic permission ${ends.user ?? ''} ${ends.vhost ?? ''}`,
        submit: 'Set the topic permission',
        fields: [
            ...endFields(ends),
            {name: 'exchange', label: 'Topic exchange', required: true, value: 'amq.topic'},
            rule('write', 'Write with keys'),
            rule('read', 'Bind with keys'),
        ],
        onsubmit: values => {
            const {user, vhost, exchange, write, read} = {...ends, ...values};
            return actInForm(
                () => put(path`/topic-permissions/${vhost}/${user}`, {exchange, write, read}),
                'The topic permission is set.',
            );
        },
    });
}
