/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, and those of operators, which set bounds to them. */
import {get, path, put, remove} from '../api.js';
import {h} from '../dom.js';
import {fold, form} from '../form.js';
import {
    actInForm,
    destroy,
    heading,
    inVhost,
    removeButton,
    section,
    vhostField,
    vhostNames,
} from '../page.js';
import {isAdministrator, isPolicymaker} from '../session.js';
import {argumentsText, table} from '../table.js';

const POLICY_KEYS = [
    ['message-ttl', 'number'],
    ['expires', 'number'],
    ['max-length', 'number'],
    ['max-length-bytes', 'number'],
    ['overflow', 'string'],
    ['dead-letter-exchange', 'string'],
    ['dead-letter-routing-key', 'string'],
    ['delivery-limit', 'number'],
    ['consumer-timeout', 'number'],
    ['alternate-exchange', 'string'],
];
const OPERATOR_KEYS = [
    ['message-ttl', 'number'],
    ['expires', 'number'],
    ['max-length', 'number'],
    ['max-length-bytes', 'number'],
    ['delivery-limit', 'number'],
];
const APPLIES = [
    ['all', 'queues and exchanges'],
    ['queues', 'queues'],
    ['classic_queues', 'classic queues'],
    ['quorum_queues', 'quorum queues'],
    ['exchanges', 'exchanges'],
];

/* The two kinds: where they are, what they may say, who may change them. */
const ORDINARY = {
    target: '/policies',
    title: 'Policies',
    noun: 'policy',
    known: POLICY_KEYS,
    applies: APPLIES,
    may: isPolicymaker,
};
const OPERATOR = {
    target: '/operator-policies',
    title: 'Operator policies',
    noun: 'operator policy',
    known: OPERATOR_KEYS,
    applies: APPLIES.slice(1, 4),
    may: isAdministrator,
};

async function load() {
    const [ordinary, operator, vhosts] = await Promise.all([
        get(inVhost(ORDINARY.target)),
        get(inVhost(OPERATOR.target)),
        vhostNames(),
    ]);
    return {ordinary, operator, vhosts};
}

const pathOf = (kind, vhost, name) => kind.target + path`/${vhost}/${name}`;

function drop(kind, {vhost, name}) {
    return destroy({
        question: `Delete the ${kind.noun} ${name} of ${vhost}?`,
        action: 'Delete',
        detail: 'What it says stops being in effect at once.',
        what: () => remove(pathOf(kind, vhost, name)),
        done: `The ${kind.noun} is deleted.`,
    });
}

/* Opens the form with what the policy says now. */
function edit(kind, row) {
    const editor = document.getElementById(`edit${kind.target.replace('/', '-')}`);
    editor.replaceChildren(
        h('h3', {}, `Change ${row.name} of ${row.vhost}`),
        policyForm(kind, [row.vhost], row),
    );
    editor.querySelector('input:not([type=hidden])')?.focus();
}

/* What a new one starts as. */
const FRESH = {priority: 0, 'apply-to': 'queues', definition: {}};

/* Where the policy is: to be chosen, or fixed for one that is there. */
function placeFields(vhosts, {vhost, name}) {
    if (name === undefined)
        return [vhostField(vhosts), {name: 'name', label: 'Name', required: true}];
    return [
        {name: 'vhost', label: 'Virtual host', type: 'select', options: [[vhost, vhost]]},
        {name: 'name', label: 'Name', type: 'select', options: [[name, name]]},
    ];
}

function policyForm(kind, vhosts, row = FRESH) {
    const change = row !== FRESH;
    return form({
        name: `${kind.noun} ${JSON.stringify([row.vhost, row.name])}`,
        submit: `${change ? 'Change' : 'Add'} the ${kind.noun}`,
        stay: change,
        fields: [
            ...placeFields(vhosts, row),
            {
                name: 'pattern',
                label: 'Names like',
                required: true,
                value: row.pattern,
                placeholder: '^orders\\.',
                help: 'A regular expression.',
            },
            {
                name: 'apply',
                label: 'Applies to',
                type: 'select',
                options: kind.applies,
                value: row['apply-to'],
            },
            {
                name: 'priority',
                label: 'Priority',
                type: 'number',
                value: row.priority,
                help: 'Of several policies for one object the one with the highest counts.',
            },
            {
                name: 'definition',
                label: 'Definition',
                type: 'arguments',
                known: kind.known,
                value: row.definition,
            },
        ],
        onsubmit: ({vhost, name, pattern, apply, priority, definition}) =>
            actInForm(
                () =>
                    put(pathOf(kind, vhost, name), {
                        pattern,
                        definition,
                        priority: priority ?? 0,
                        'apply-to': apply,
                    }),
                `The ${kind.noun} ${name} is in effect.`,
            ),
    });
}

function part(kind, rows, vhosts) {
    const actions = row =>
        h(
            'span',
            {class: 'buttons'},
            h(
                'button',
                {
                    type: 'button',
                    class: 'small',
                    'aria-label': `Change ${row.name}`,
                    onclick: () => edit(kind, row),
                },
                'Change',
            ),
            removeButton(`Delete ${row.name}`, () => drop(kind, row)),
        );
    return section(
        kind.title,
        table({
            caption: kind.title,
            rows,
            id: row => `${row.vhost}\n${row.name}`,
            empty: 'There are none.',
            columns: [
                {title: 'Name', cell: row => row.name},
                {title: 'Virtual host', cell: row => row.vhost},
                {title: 'Names like', cell: row => h('code', {}, row.pattern)},
                {title: 'Applies to', cell: row => row['apply-to'].replace('_', ' ')},
                {title: 'Priority', kind: 'n', cell: row => row.priority},
                {title: 'Definition', cell: row => argumentsText(row.definition)},
                {title: '', cell: row => kind.may() && actions(row)},
            ],
        }),
        kind.may() && [
            h('div', {id: `edit${kind.target.replace('/', '-')}`, keep: 'editor'}),
            vhosts.length > 0 &&
                fold(
                    `Add ${kind === OPERATOR ? 'an' : 'a'} ${kind.noun}`,
                    policyForm(kind, vhosts),
                ),
        ],
    );
}

function render({ordinary, operator, vhosts}) {
    return [
        heading('Policies'),
        h(
            'p',
            {class: 'help'},
            'A policy sets arguments of all queues or exchanges whose names match, at once. ' +
                'Of a policy and an operator policy the stricter counts.',
        ),
        part(ORDINARY, ordinary, vhosts),
        part(OPERATOR, operator, vhosts),
    ];
}

export const policies = {load, render};
