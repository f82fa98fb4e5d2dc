/* SPDX-License-Identifier: Apache-2.0 */
/* The picture of a graph: nodes are links, edges tell their bindings; it can be moved and enlarged.
 *
 * (1) Dragging, the wheel with Ctrl, the arrow keys, + and − and the buttons all change the viewBox.
 * (2) Nodes are links in the order of the layers, so Tab walks from exchanges to queues.
 */
import {h, svg} from './dom.js';
import {NODE, layOut} from './layout.js';

const TEXT_MAX = 21;
const LABEL_MAX = 22;
const STEP = 60;
const MARGIN = 24;

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function nodePicture(node) {
    return svg(
        'a',
        {href: node.href, class: `node ${node.kind}`, 'aria-label': `${node.kind} ${node.name}`},
        svg('title', {}, `${node.kind} ${node.name}`),
        svg('rect', {
            x: node.x,
            y: node.y,
            width: NODE.width,
            height: NODE.height,
            rx: node.kind === 'queue' ? 4 : 17,
        }),
        svg('text', {x: node.x + 14, y: node.y + 22}, cut(node.name, TEXT_MAX)),
        svg(
            'text',
            {x: node.x + NODE.width - 10, y: node.y + 22, class: 'detail', 'text-anchor': 'end'},
            node.detail,
        ),
    );
}

/* From the right side of `a` to the left side of `b`, to be appended to a path that ends at `a`. */
function curve(a, b, end) {
    const y1 = a.y + NODE.height / 2,
        y2 = b.y + NODE.height / 2;
    const x1 = a.x + NODE.width,
        x2 = b.x;
    const pull = Math.max(50, Math.abs(x2 - x1) / 2);
    return `L${x1},${y1}C${x1 + pull},${y1} ${x2 - pull},${y2} ${x2 - end},${y2}`;
}

function edgePicture({from, to, keys, bends}) {
    const way = [from, ...bends, to];
    const curves = way.slice(1).map((node, i) => curve(way[i], node, node === to ? 7 : 0));
    const x2 = to.x,
        y2 = to.y + NODE.height / 2;
    const text = keys.filter(Boolean).join(', ');
    return svg(
        'g',
        {class: 'edge'},
        svg('title', {}, `${from.name} → ${to.name}${text ? `: ${text}` : ''}`),
        svg('path', {d: curves.join('').replace('L', 'M'), 'marker-end': 'url(#arrow)'}),
        text && svg('text', {x: x2 - 12, y: y2 - 5, 'text-anchor': 'end'}, cut(text, LABEL_MAX)),
    );
}

function arrowHead() {
    return svg(
        'defs',
        {},
        svg(
            'marker',
            {
                id: 'arrow',
                viewBox: '0 0 8 8',
                refX: 1,
                refY: 4,
                markerWidth: 7,
                markerHeight: 7,
                orient: 'auto',
            },
            svg('path', {d: 'M0,0L8,4L0,8Z'}),
        ),
    );
}

/* What part of the picture is seen. */
function camera(picture, size) {
    const box = {};
    const show = () =>
        picture.setAttribute('viewBox', `${box.x} ${box.y} ${box.width} ${box.height}`);
    return {
        fit() {
            Object.assign(box, {
                x: -MARGIN,
                y: -MARGIN,
                width: size.width + 2 * MARGIN,
                height: size.height + 2 * MARGIN,
            });
            show();
        },
        move(dx, dy) {
            box.x += dx;
            box.y += dy;
            show();
        },
        zoom(factor) {
            box.x += (box.width * (1 - factor)) / 2;
            box.y += (box.height * (1 - factor)) / 2;
            box.width *= factor;
            box.height *= factor;
            show();
        },
        perPixel: () =>
            Math.max(box.width / picture.clientWidth, box.height / picture.clientHeight),
    };
}

function follow(picture, view) {
    let last = null;
    picture.addEventListener('pointerdown', event => {
        if (event.button === 0) last = event;
    });
    picture.addEventListener('pointermove', event => {
        if (!last || event.buttons === 0) return;
        view.move(
            (last.clientX - event.clientX) * view.perPixel(),
            (last.clientY - event.clientY) * view.perPixel(),
        );
        last = event;
    });
    picture.addEventListener('pointerup', () => {
        last = null;
    });
    picture.addEventListener('dragstart', event => event.preventDefault());
    picture.addEventListener(
        'wheel',
        event => {
            if (!event.ctrlKey) return;
            event.preventDefault();
            view.zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15);
        },
        {passive: false},
    );
}

function keys(view) {
    return {
        ArrowLeft: () => view.move(-STEP, 0),
        ArrowRight: () => view.move(STEP, 0),
        ArrowUp: () => view.move(0, -STEP),
        ArrowDown: () => view.move(0, STEP),
        '+': () => view.zoom(0.8),
        '-': () => view.zoom(1.25),
        0: () => view.fit(),
    };
}

/* graph: as in layout.js; nodes have href and detail too, edges keys. */
export function graphPicture(graph, label) {
    const size = layOut(graph);
    const inOrder = [...graph.nodes].sort((a, b) => a.layer - b.layer || a.y - b.y);
    const picture = svg(
        'svg',
        {class: 'graph', role: 'group', 'aria-label': label, tabindex: 0},
        arrowHead(),
        graph.edges.map(edgePicture),
        inOrder.map(nodePicture),
    );
    const view = camera(picture, size);
    const doing = keys(view);
    follow(picture, view);
    picture.addEventListener('keydown', event => {
        if (doing[event.key] && !event.ctrlKey && !event.altKey && !event.metaKey) {
            event.preventDefault();
            doing[event.key]();
        }
    });
    view.fit();
    const button = (name, text, action) =>
        h('button', {type: 'button', 'aria-label': name, onclick: action}, text);
    return h(
        'div',
        {class: 'stage'},
        picture,
        h(
            'div',
            {class: 'tools'},
            button('Enlarge', '+', () => view.zoom(0.8)),
            button('Make smaller', '−', () => view.zoom(1.25)),
            button('Show all', 'Show all', () => view.fit()),
        ),
    );
}
