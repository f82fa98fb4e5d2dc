/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a user or a virtual host. */
import {put, remove} from '../api.js';
import {fold, form} from '../form.js';
import {count} from '../format.js';
import {act, actInForm, removeButton} from '../page.js';
import {table} from '../table.js';

/* `target` is the API's path of the owner's limits, `limits` what is set now, `names` those that can
 * be set. */
export function limitsPart(target, limits, names) {
    return [
        table({
            caption: 'Limits',
            rows: Object.entries(limits),
            id: ([name]) => name,
            empty: 'There are no limits.',
            columns: [
                {title: 'Limit', cell: ([name]) => name},
                {title: 'At most', kind: 'n', cell: ([, value]) => count(value)},
                {
                    title: '',
                    cell: ([name]) =>
                        removeButton(
                            `Clear ${name}`,
                            () => act(() => remove(`${target}/${name}`), 'The limit is cleared.'),
                            'Clear',
                        ),
                },
            ],
        }),
        fold(
            'Set a limit',
            form({
                name: `limit ${target}`,
                submit: 'Set the limit',
                fields: [
                    {
                        name: 'limit',
                        label: 'Limit',
                        type: 'select',
                        options: names.map(name => [name, name]),
                    },
                    {
                        name: 'value',
                        label: 'At most',
                        type: 'number',
                        required: true,
                        min: 0,
                        help: '0 allows none.',
                    },
                ],
                onsubmit: ({limit, value}) =>
                    actInForm(() => put(`${target}/${limit}`, {value}), 'The limit is set.'),
            }),
        ),
    ];
}
