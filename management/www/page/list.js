/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that the broker sorts, filters and cuts into pages: ten thousand queues cost what one page
 * costs. What is shown stands in the address (?page=2&sort=messages…), so Back and bookmarks work.
 */
import {get, withQuery} from './api.js';
import {h} from './dom.js';
import {count} from './format.js';
import {table} from './table.js';

const SIZES = ['25', '50', '100', '500'];
const TYPING_MS = 250;

const DEFAULTS = {page: '1', size: '50', name: '', regex: '', sort: '', reverse: ''};

function read(query) {
    return Object.fromEntries(
        Object.entries(DEFAULTS).map(([name, value]) => [name, query.get(name) ?? value]),
    );
}

/* A page of the list at `target`, as the address wants it; past the last one it is the first. */
export async function loadPage(target, route, extra = {}) {
    const wanted = read(route.query);
    const ask = page =>
        get(
            withQuery(target, {
                page,
                page_size: wanted.size,
                name: wanted.name,
                use_regex: wanted.regex,
                sort: wanted.sort,
                sort_reverse: wanted.reverse,
                ...extra,
            }),
        );
    try {
        return await ask(wanted.page);
    } catch (error) {
        if (
            error.status !== 400 ||
            wanted.page === '1' ||
            !error.message.startsWith('Page out of range')
        )
            throw error;
        return ask('1');
    }
}

function change(route, values) {
    const query = new URLSearchParams(route.query);
    for (const [name, value] of Object.entries(values))
        if (value === DEFAULTS[name]) query.delete(name);
        else query.set(name, value);
    route.change(query);
}

function filterBox(route, wanted, noun) {
    let timer = null;
    const typed = event => {
        const name = event.target.value;
        clearTimeout(timer);
        timer = setTimeout(() => change(route, {name, page: '1'}), TYPING_MS);
    };
    return h(
        'div',
        {class: 'filter', keep: `filter ${noun}`, role: 'search'},
        h('label', {class: 'hidden', for: 'filter-name'}, `Filter ${noun} by name`),
        h('input', {
            id: 'filter-name',
            type: 'search',
            placeholder: 'Filter by name',
            value: wanted.name,
            oninput: typed,
            autocomplete: 'off',
            spellcheck: 'false',
        }),
        h(
            'label',
            {},
            h('input', {
                type: 'checkbox',
                checked: wanted.regex === 'true',
                onchange: event =>
                    change(route, {regex: event.target.checked ? 'true' : '', page: '1'}),
            }),
            ' regular expression',
        ),
    );
}

function pager(route, wanted, got, noun) {
    const counted = got.total_count === 1 ? noun.replace(/s$/, '') : noun;
    const last = Math.max(1, got.page_count);
    const step = (label, text, page) =>
        h(
            'button',
            {
                type: 'button',
                'aria-label': label,
                disabled: page < 1 || page > last || page === got.page,
                onclick: () => change(route, {page: String(page)}),
            },
            text,
        );
    return h(
        'nav',
        {class: 'pager', 'aria-label': `Pages of ${noun}`},
        h(
            'span',
            {class: 'counts', role: 'status'},
            got.filtered_count === got.total_count
                ? `${count(got.total_count)} ${counted}`
                : `${count(got.filtered_count)} of ${count(got.total_count)} ${counted}`,
        ),
        last > 1 && [
            step('First page', '«', 1),
            step('Previous page', '‹', got.page - 1),
            h('span', {}, `page ${count(got.page)} of ${count(last)}`),
            step('Next page', '›', got.page + 1),
            step('Last page', '»', last),
        ],
        got.filtered_count > Number(SIZES[0]) &&
            h(
                'label',
                {},
                'show ',
                h(
                    'select',
                    {
                        'aria-label': 'Rows on a page',
                        onchange: event => change(route, {size: event.target.value, page: '1'}),
                    },
                    SIZES.map(size =>
                        h('option', {value: size, selected: size === wanted.size}, size),
                    ),
                ),
            ),
    );
}

/* The list's filter, table and pages. `got` is what loadPage() gave; the rest is table()'s. */
export function list(route, got, {noun, ...spec}) {
    const wanted = read(route.query);
    const sorting = {
        by: wanted.sort || spec.sortedBy || 'name',
        reverse: wanted.reverse === 'true',
        change: (sort, reverse) => change(route, {sort, reverse: reverse ? 'true' : '', page: '1'}),
    };
    return h(
        'section',
        {class: 'list', 'aria-label': noun},
        h('div', {class: 'bar'}, filterBox(route, wanted, noun), pager(route, wanted, got, noun)),
        table({
            ...spec,
            caption: noun,
            rows: got.items,
            sorting,
            empty: got.total_count ? 'Nothing matches the filter.' : spec.empty,
        }),
    );
}
