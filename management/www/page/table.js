/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: columns as data, headers that sort, a wrapper that scrolls by itself on narrow screens. */
import {h} from './dom.js';

/* How the list is sorted, and what to do to sort it otherwise. */
function header(column, sorting) {
    const attributes = {scope: 'col', class: column.kind};
    if (!column.sort || !sorting) return h('th', attributes, column.title);
    const by = sorting.by === column.sort;
    const order = sorting.reverse ? 'descending' : 'ascending';
    return h(
        'th',
        {...attributes, 'aria-sort': by ? order : 'none'},
        h(
            'button',
            {
                type: 'button',
                class: 'sort',
                onclick: () =>
                    sorting.change(column.sort, by ? !sorting.reverse : column.kind === 'n'),
            },
            column.title,
            h(
                'span',
                {'aria-hidden': 'true', class: 'arrow'},
                by ? (sorting.reverse ? '▾' : '▴') : '',
            ),
        ),
    );
}

/* The first column names its row. */
function cell(column, row, first) {
    const content = column.cell(row);
    return first
        ? h('th', {scope: 'row', class: column.kind}, content)
        : h('td', {class: column.kind}, content);
}

/* columns: [{title, cell: row => node or text, kind: 'n' for numbers, sort: the API's field}].
 * `id` names a row; `sorting`: {by, reverse, change(by, reverse)}, or none. */
export function table({
    caption,
    columns,
    rows,
    id,
    sorting,
    empty = 'There are none.',
    showCaption,
}) {
    if (rows.length === 0) return h('p', {class: 'empty', key: `no ${caption}`}, empty);
    return h(
        'div',
        {class: 'scroll', key: `table ${caption}`},
        h(
            'table',
            {},
            h('caption', {class: showCaption ? '' : 'hidden'}, caption),
            h(
                'thead',
                {},
                h(
                    'tr',
                    {},
                    columns.map(column => header(column, sorting)),
                ),
            ),
            h(
                'tbody',
                {},
                rows.map(row =>
                    h(
                        'tr',
                        {key: id(row)},
                        columns.map((column, i) => cell(column, row, i === 0)),
                    ),
                ),
            ),
        ),
    );
}

/* Pairs of a name and what it is. Values that are null or undefined are left out. */
export function facts(pairs) {
    return h(
        'dl',
        {class: 'facts'},
        pairs
            .filter(([, value]) => value !== null && value !== undefined && value !== '')
            .map(([name, value]) => h('div', {key: name}, h('dt', {}, name), h('dd', {}, value))),
    );
}

/* A table of arguments, or of properties, as pairs on one line each. */
export function argumentsText(table) {
    const entries = Object.entries(table ?? {});
    return entries.length === 0
        ? ''
        : h(
              'ul',
              {class: 'pairs'},
              entries.map(([key, value]) =>
                  h(
                      'li',
                      {},
                      h('span', {class: 'key'}, key),
                      ' ',
                      h('code', {}, typeof value === 'string' ? value : JSON.stringify(value)),
                  ),
              ),
          );
}
