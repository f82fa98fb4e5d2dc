/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the broker in SQL: read-only, limited in rows and time. For administrators. */
import {get, post} from '../api.js';
import {h} from '../dom.js';
import {form} from '../form.js';
import {count} from '../format.js';
import {heading, section, vhostField, vhostNames} from '../page.js';
import {saveFile} from './definitions.js';

const LIMIT = 1000;

async function load() {
    const [help, vhosts] = await Promise.all([get('/sql'), vhostNames()]);
    return {help, vhosts};
}

const asText = value =>
    value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);

/* [RFC 4180], and what a spreadsheet would run as a formula is kept from that. */
function csvField(value) {
    const text = asText(value);
    const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function exportCsv({columns, rows}) {
    const lines = [columns, ...rows].map(row => row.map(csvField).join(','));
    saveFile('bilby-query.csv', 'text/csv', `${lines.join('\r\n')}\r\n`);
}

function cell(value) {
    return h(
        'td',
        {class: typeof value === 'number' ? 'n' : ''},
        value === null ? h('span', {class: 'help'}, 'null') : asText(value),
    );
}

function results(answer) {
    const {columns, rows, truncated, milliseconds, notes = []} = answer;
    return [
        h(
            'p',
            {},
            `${count(rows.length)} ${rows.length === 1 ? 'row' : 'rows'} in ${milliseconds} ms. `,
            truncated && h('b', {}, 'There are more. '),
            rows.length > 0 &&
                h(
                    'button',
                    {type: 'button', class: 'small', onclick: () => exportCsv(answer)},
                    'Export as CSV',
                ),
        ),
        notes.map(note => h('p', {class: 'help'}, note)),
        h(
            'div',
            {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Rows'},
            h(
                'table',
                {},
                h('caption', {class: 'hidden'}, 'Rows of the query'),
                h(
                    'thead',
                    {},
                    h(
                        'tr',
                        {},
                        columns.map(name => h('th', {scope: 'col'}, name)),
                    ),
                ),
                h(
                    'tbody',
                    {},
                    rows.map(row => h('tr', {}, row.map(cell))),
                ),
            ),
        ),
    ];
}

/* Ctrl and Enter run it, too. */
function runByKey(event) {
    if (event.key === 'Enter' && event.ctrlKey) event.currentTarget.requestSubmit();
}

function queryForm(vhosts, result) {
    const element = form({
        name: 'query',
        label: 'Query',
        submit: 'Run',
        stay: true,
        fields: [
            vhostField(vhosts),
            {
                name: 'limit',
                label: 'Rows at most',
                type: 'number',
                value: LIMIT,
                min: 1,
                required: true,
            },
            {
                name: 'query',
                label: 'Query',
                type: 'textarea',
                rows: 6,
                required: true,
                value: 'select name, messages, consumers from queues order by messages desc',
            },
        ],
        onsubmit: async values => {
            const answer = await post('/sql', values);
            result.replaceChildren(h('div', {}, results(answer)));
        },
    });
    element.addEventListener('keydown', runByKey);
    return element;
}

/* Puts a query into the form's text area. */
function use(query) {
    const area = document.querySelector('form[aria-label=Query] textarea');
    area.value = query;
    area.focus();
}

function viewOf({name, help, columns}) {
    return h(
        'details',
        {class: 'fold', key: name},
        h('summary', {}, h('code', {}, name), ` – ${help}`),
        h(
            'div',
            {class: 'scroll'},
            h(
                'table',
                {},
                h('caption', {class: 'hidden'}, `Columns of ${name}`),
                h(
                    'thead',
                    {},
                    h(
                        'tr',
                        {},
                        ['Column', 'Type', 'Meaning'].map(text => h('th', {scope: 'col'}, text)),
                    ),
                ),
                h(
                    'tbody',
                    {},
                    columns.map(column =>
                        h(
                            'tr',
                            {},
                            h('th', {scope: 'row'}, h('code', {}, column.name)),
                            h('td', {}, column.type),
                            h('td', {}, column.help),
                        ),
                    ),
                ),
            ),
        ),
    );
}

function exampleOf({title, query}) {
    return h(
        'li',
        {},
        h('button', {type: 'button', class: 'small', onclick: () => use(query)}, title),
        h('pre', {}, query),
    );
}

function render({help, vhosts}) {
    const result = h('div', {keep: 'rows', 'aria-live': 'polite'});
    return [
        heading('SQL'),
        h(
            'p',
            {class: 'help'},
            'Read-only, and with a limit on time. The broker goes on meanwhile. Ctrl and Enter run the query.',
        ),
        section(
            'Query',
            vhosts.length ? queryForm(vhosts, result) : h('p', {}, 'There is no virtual host.'),
            result,
        ),
        section('Examples', h('ul', {class: 'explained'}, help.examples.map(exampleOf))),
        section('Views', help.views.map(viewOf)),
        section(
            'Functions',
            h(
                'p',
                {class: 'words'},
                help.functions.map(name => [h('code', {}, name), ' ']),
            ),
        ),
    ];
}

export const sql = {load, render, still: true};
