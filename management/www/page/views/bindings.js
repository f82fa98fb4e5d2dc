/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings of an exchange or a queue: the table, the form for another one, unbinding. */
import {path, post, remove} from '../api.js';
import {form} from '../form.js';
import {exchangeId, exchangeName} from '../format.js';
import {h} from '../dom.js';
import {actInForm, destroy, exchangeLink, queueLink, removeButton} from '../page.js';
import {argumentsText, table} from '../table.js';

/* The headers exchange's own argument. */
const KNOWN = [['x-match', 'string']];

function pathBetween({vhost, source, destination, kind}) {
    return path`/bindings/${vhost}/e/${exchangeId(source)}/${kind}/${exchangeId(destination)}`;
}

const kindOf = binding => (binding.destination_type === 'queue' ? 'q' : 'e');

/* The default exchange's bindings are there by themselves. */
const isImplicit = binding => binding.source === '';

function unbind(binding) {
    const {source, destination, routing_key: key, properties_key: properties} = binding;
    return destroy({
        question: `Unbind ${destination} from ${exchangeName(source)}?`,
        action: 'Unbind',
        detail: key ? `The binding with the key ${key}.` : '',
        what: () => remove(pathBetween({...binding, kind: kindOf(binding)}) + path`/${properties}`),
        done: 'The binding is gone.',
    });
}

export function farEnd(binding, far) {
    if (far === 'source') return exchangeLink(binding.vhost, binding.source);
    return binding.destination_type === 'queue'
        ? queueLink(binding.vhost, binding.destination)
        : exchangeLink(binding.vhost, binding.destination);
}

function columns(far) {
    const label = row =>
        `Unbind ${far === 'source' ? exchangeName(row.source) : row.destination}, ` +
        `key ${row.routing_key || 'none'}`;
    return [
        {title: far === 'source' ? 'From exchange' : 'To', cell: row => farEnd(row, far)},
        ...(far === 'source' ? [] : [{title: 'Is', cell: row => row.destination_type}]),
        {title: 'Key', cell: row => h('code', {}, row.routing_key)},
        {title: 'Arguments', cell: row => argumentsText(row.arguments)},
        {
            title: '',
            cell: row =>
                isImplicit(row)
                    ? h('span', {class: 'help'}, 'always there')
                    : removeButton(label(row), () => unbind(row), 'Unbind'),
        },
    ];
}

/* As many bindings as one page shows: what to append to the path of a list of them. */
export const FIRST_PAGE = '?page=1&page_size=500';

/* `got` is such a page; `far` is which end of the bindings to show, 'source' or 'destination'. */
export function bindingsTable(got, {caption, far}) {
    return [
        got.total_count > got.item_count &&
            h('p', {class: 'help'}, `The first ${got.item_count} of ${got.total_count}.`),
        table({
            caption,
            rows: got.items,
            empty: 'There are no bindings.',
            id: row =>
                `${row.source}\n${row.destination_type}\n${row.destination}\n${row.properties_key}`,
            columns: columns(far),
        }),
    ];
}

/* One end is given: {source} or {destination, kind: 'q' or 'e'}. The form asks for the other. */
export function bindForm({vhost, source, destination, kind}) {
    const ends =
        source === undefined
            ? [{name: 'source', label: 'From exchange', required: true}]
            : [
                  {
                      name: 'kind',
                      label: 'To a',
                      type: 'select',
                      options: [
                          ['q', 'queue'],
                          ['e', 'exchange'],
                      ],
                  },
                  {name: 'destination', label: 'named', required: true},
              ];
    return form({
        name: `bind ${source ?? ''} ${destination ?? ''}`,
        submit: 'Bind',
        fields: [
            ...ends,
            {name: 'key', label: 'Key'},
            {name: 'args', label: 'Arguments', type: 'arguments', known: KNOWN},
        ],
        onsubmit: values => {
            const between = {vhost, source, destination, kind, ...values};
            return actInForm(
                () => post(pathBetween(between), {routing_key: values.key, arguments: values.args}),
                'The binding is there.',
            );
        },
    });
}
