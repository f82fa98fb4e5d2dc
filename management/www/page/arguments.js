/* SPDX-License-Identifier: Apache-2.0 */
/* An editor for tables: rows of key, type and value, with the known keys as suggestions.
 *
 * (1) There is always one empty row at the end; empty rows count for nothing.
 * (2) A known key that takes a number or a truth value sets the row's type.
 */
import {h, newId} from './dom.js';

const TYPES = [
    ['string', 'Text'],
    ['number', 'Number'],
    ['boolean', 'True or false'],
    ['json', 'JSON'],
];

const READ = {
    string: text => text,
    boolean: text => {
        if (text !== 'true' && text !== 'false') throw new Error('is neither true nor false');
        return text === 'true';
    },
    number: text => {
        if (text.trim() === '' || !Number.isFinite(Number(text)))
            throw new Error('is not a number');
        return Number(text);
    },
    json: text => {
        try {
            return JSON.parse(text);
        } catch {
            throw new Error('is not JSON');
        }
    },
};

function typeOf(value) {
    return ['string', 'number', 'boolean'].includes(typeof value) ? typeof value : 'json';
}

function rowInputs(label, list, key, value) {
    const type = typeOf(value);
    const text = type === 'json' ? JSON.stringify(value) : String(value);
    const common = {autocomplete: 'off', spellcheck: 'false'};
    return [
        h('input', {
            ...common,
            'aria-label': `${label}: key`,
            list,
            placeholder: 'key',
            value: key,
        }),
        h(
            'select',
            {'aria-label': `${label}: type`},
            TYPES.map(([id, name]) => h('option', {value: id, selected: id === type}, name)),
        ),
        h('input', {...common, 'aria-label': `${label}: value`, placeholder: 'value', value: text}),
    ];
}

/* [key, value] of a row, or null when it is empty. */
function readRow(label, row) {
    const [key, kind, content] = row.children;
    if (key.value === '' && content.value === '') return null;
    if (key.value === '') throw new Error(`${label}: a value has no key.`);
    try {
        return [key.value, READ[kind.value](content.value)];
    } catch (error) {
        throw new Error(`${label}: the value of ${key.value} ${error.message}.`);
    }
}

/* `known`: [[key, type], …]. The element has a function read(), which gives the table as an object or
 * throws an Error that says what is wrong, and clear(). */
export function argumentsEditor(label, known, initial = {}) {
    const list = newId('known');
    const rows = h('div', {class: 'rows'});

    function addRow(key, value) {
        const [name, kind, content] = rowInputs(label, list, key, value);
        const row = h('div', {class: 'argument'}, name, kind, content);
        name.addEventListener('input', () => {
            const match = known.find(([one]) => one === name.value);
            if (match) kind.value = match[1];
            if (row === rows.lastChild && name.value) addRow('', '');
        });
        rows.append(row);
    }

    function clear() {
        rows.replaceChildren();
        for (const [key, value] of Object.entries(initial)) addRow(key, value);
        addRow('', '');
    }

    const read = () =>
        Object.fromEntries([...rows.children].map(row => readRow(label, row)).filter(Boolean));
    const suggestions = known.map(([key]) => h('option', {value: key}));

    clear();
    const element = h(
        'fieldset',
        {class: 'arguments'},
        h('legend', {}, label),
        rows,
        h('datalist', {id: list}, suggestions),
    );
    return Object.assign(element, {read, clear});
}
