/* SPDX-License-Identifier: Apache-2.0 */
/* A plot of numbers over time, as an SVG picture made out of the series alone.
 *
 * (1) The curves fill a box of WIDTH × HEIGHT units that is stretched over the figure; texts are
 *     HTML beside it, so that they keep their size.
 * (2) The pointer, or the arrow keys, choose a moment, of which a box tells the numbers.
 * (3) All that is shown can be read as a table, too.
 */
import {h, svg} from './dom.js';
import {bytes, time} from './format.js';

const WIDTH = 600;
const HEIGHT = 160;
const TABLE_ROWS_MAX = 12;

/* The next 1, 2 or 5 times a power of ten. */
function roundUp(number) {
    const power = 10 ** Math.floor(Math.log10(number));
    return [1, 2, 5, 10].map(step => step * power).find(step => step >= number * 0.999);
}

/* The end of the scale. Sizes are round in their unit: 20 MiB, not 19.1. */
function topOf(series, format) {
    const most = Math.max(...series.flatMap(({points}) => points.map(point => point.value)), 0);
    const unit = format === bytes && most >= 1 ? 1024 ** Math.floor(Math.log2(most) / 10) : 1;
    return most > 0 ? roundUp(most / unit) * unit : 1;
}

function curve(points, box) {
    const place = ({at, value}) =>
        `${(((at - box.from) / (box.to - box.from)) * WIDTH).toFixed(1)},` +
        `${(HEIGHT - (value / box.top) * HEIGHT).toFixed(1)}`;
    return `M${points.map(place).join('L')}`;
}

function area(points, box) {
    const line = curve(points, box);
    const x = point => (((point.at - box.from) / (box.to - box.from)) * WIDTH).toFixed(1);
    return `${line}L${x(points.at(-1))},${HEIGHT}L${x(points[0])},${HEIGHT}Z`;
}

function picture(series, box) {
    const lines = [0.25, 0.5, 0.75].map(part =>
        svg('line', {
            class: 'grid',
            x1: 0,
            x2: WIDTH,
            y1: HEIGHT * part,
            y2: HEIGHT * part,
        }),
    );
    const drawn = series.filter(({points}) => points.length > 1);
    return [
        ...lines,
        ...drawn.map(({color, points}) =>
            svg('path', {class: `area s${color}`, d: area(points, box)}),
        ),
        ...drawn.map(({color, points}) =>
            svg('path', {class: `line s${color}`, d: curve(points, box)}),
        ),
        svg('line', {class: 'cursor', keep: 'cursor', y1: 0, y2: HEIGHT, x1: -9, x2: -9}),
    ];
}

function legend(series, format) {
    return h(
        'ul',
        {class: 'legend'},
        series.map(({label, color, points}) =>
            h(
                'li',
                {},
                h('span', {class: `dot s${color}`}),
                label,
                ' ',
                h('b', {}, points.length ? format(points.at(-1).value) : '–'),
            ),
        ),
    );
}

function numbersAt(series, index, format) {
    return series.map(
        ({label, color, points}) =>
            points[index] &&
            h(
                'div',
                {},
                h('span', {class: `dot s${color}`}),
                `${label} `,
                h('b', {}, format(points[index].value)),
            ),
    );
}

/* Shows the numbers of the moment `index` in the figure's box. */
function point(figure, plot, index) {
    const {series, box, format} = plot;
    const at = series[0].points[index]?.at;
    const tip = figure.querySelector('.tip');
    const cursor = figure.querySelector('.cursor');
    if (at === undefined) return;
    const part = (at - box.from) / (box.to - box.from);
    figure.chosen = index;
    cursor.setAttribute('x1', part * WIDTH);
    cursor.setAttribute('x2', part * WIDTH);
    tip.replaceChildren(
        h('div', {class: 'when'}, time(at)),
        ...numbersAt(series, index, format).filter(Boolean),
    );
    tip.hidden = false;
    tip.style.left = part > 0.5 ? '' : `${part * 100}%`;
    tip.style.right = part > 0.5 ? `${(1 - part) * 100}%` : '';
}

function unpoint(figure) {
    figure.querySelector('.tip').hidden = true;
    figure.querySelector('.cursor').setAttribute('x1', -9);
    figure.querySelector('.cursor').setAttribute('x2', -9);
}

function handlers(plot) {
    const {points} = plot.series[0];
    const figureOf = event => event.currentTarget.closest('figure');
    return {
        onpointermove(event) {
            const box = event.currentTarget.getBoundingClientRect();
            const at =
                plot.box.from +
                ((event.clientX - box.left) / box.width) * (plot.box.to - plot.box.from);
            const far = points.map(sample => Math.abs(sample.at - at));
            point(figureOf(event), plot, far.indexOf(Math.min(...far)));
        },
        onpointerleave: event => unpoint(figureOf(event)),
        onblur: event => unpoint(figureOf(event)),
        onkeydown(event) {
            const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
            const figure = figureOf(event);
            if (!step || !points.length) return;
            event.preventDefault();
            const from = figure.chosen ?? points.length - 1 - step;
            point(figure, plot, Math.min(points.length - 1, Math.max(0, from + step)));
        },
    };
}

function asTable(plot, title) {
    const {points} = plot.series[0];
    const every = Math.max(1, Math.ceil(points.length / TABLE_ROWS_MAX));
    const rows = points
        .map((_, index) => index)
        .filter(index => (points.length - 1 - index) % every === 0);
    return h(
        'details',
        {class: 'numbers'},
        h('summary', {}, 'As a table'),
        h(
            'div',
            {class: 'scroll'},
            h(
                'table',
                {},
                h('caption', {class: 'hidden'}, title),
                h(
                    'thead',
                    {},
                    h(
                        'tr',
                        {},
                        h('th', {scope: 'col'}, 'Time'),
                        plot.series.map(({label}) => h('th', {scope: 'col', class: 'n'}, label)),
                    ),
                ),
                h(
                    'tbody',
                    {},
                    rows.reverse().map(index =>
                        h(
                            'tr',
                            {},
                            h('th', {scope: 'row'}, time(points[index].at)),
                            plot.series.map(one =>
                                h(
                                    'td',
                                    {class: 'n'},
                                    one.points[index] ? plot.format(one.points[index].value) : '–',
                                ),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    );
}

/* A figure. `series`: [{label, color: 1…8, points: [{at: ms, value}], oldest first}], all with the
 * same moments; `format` writes a number. */
export function plot(title, series, format) {
    const {points} = series[0];
    const box = {
        from: points[0]?.at ?? 0,
        to: points.length > 1 ? points.at(-1).at : (points[0]?.at ?? 0) + 1,
        top: topOf(series, format),
    };
    const it = {series, box, format};
    const now = series.map(
        one => `${one.label} ${one.points.length ? format(one.points.at(-1).value) : 'unknown'}`,
    );
    return h(
        'figure',
        {class: 'plot', key: title},
        h('figcaption', {}, h('span', {class: 'title'}, title), legend(series, format)),
        h(
            'div',
            {class: 'field'},
            h(
                'div',
                {class: 'scale', 'aria-hidden': 'true'},
                h('span', {}, format(box.top)),
                h('span', {}, format(box.top / 2)),
                h('span', {}, '0'),
            ),
            h(
                'div',
                {class: 'box'},
                svg(
                    'svg',
                    {
                        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
                        preserveAspectRatio: 'none',
                        tabindex: 0,
                        role: 'img',
                        'aria-label': `${title}, now: ${now.join(', ')}`,
                        key: 'picture',
                        ...handlers(it),
                    },
                    picture(series, box),
                ),
                points.length < 2 && h('p', {class: 'waiting'}, 'No samples yet.'),
                h('div', {class: 'tip', hidden: true, keep: 'tip', 'aria-live': 'polite'}),
            ),
        ),
        h(
            'div',
            {class: 'times', 'aria-hidden': 'true'},
            h('span', {}, points.length ? time(box.from) : ''),
            h('span', {}, points.length ? time(box.to) : ''),
        ),
        asTable(it, title),
    );
}
