/* SPDX-License-Identifier: Apache-2.0 */
/* The topology of a virtual host: exchanges → bindings → queues, as a picture and as a tree.
 *
 * (1) One virtual host at a time, and at most NODES_MAX nodes: more would help nobody. The filter
 *     keeps what its text names, all that leads there and all that is reached from there.
 * (2) It is not refreshed by itself: the whole list of bindings is no small thing to ask for.
 */
import {get, path} from '../api.js';
import {h} from '../dom.js';
import {brief, count} from '../format.js';
import {graphPicture} from '../graph.js';
import {exchangeLink, hash, heading, page, queueLink, section, vhostNames} from '../page.js';
import {isAdministrator, isMonitor} from '../session.js';
import {chosenVhost} from '../settings.js';

const NODES_MAX = 300;
const LOOSE_MAX = 20; /* queues beside the graph that leave it readable */
const TYPING_MS = 300;
const TREE_DEPTH_MAX = 8;

async function load(route) {
    const vhosts = await vhostNames();
    const asked = route.query.get('vhost') ?? chosenVhost();
    const vhost = vhosts.includes(asked) ? asked : vhosts[0];
    if (vhost === undefined) return {vhosts};
    const [exchanges, bindings, queues] = await Promise.all([
        listOf('exchanges', vhost, 'name,type'),
        listOf('bindings', vhost, 'source,destination,destination_type,routing_key'),
        listOf('queues', vhost, 'name,messages'),
    ]);
    return {vhosts, vhost, exchanges, bindings, queues};
}

/* Who is monitoring sees what is in every virtual host, but may not ask for one that he may not enter. */
async function listOf(what, vhost, columns) {
    if (isAdministrator() || !isMonitor())
        return get(path`/${what}/${vhost}` + `?columns=${columns}`);
    const everywhere = await get(`/${what}?columns=vhost,${columns}`);
    return everywhere.filter(one => one.vhost === vhost);
}

/* ---- the graph ---- */

const idOf = (kind, name) => `${kind} ${name}`;

function allNodes({vhost, exchanges, queues}) {
    return new Map(
        [
            ...exchanges
                .filter(({name}) => name !== '')
                .map(({name, type}) => ({
                    id: idOf('exchange', name),
                    kind: 'exchange',
                    name,
                    detail: type,
                    href: hash`#/exchanges/${vhost}/${name}`,
                })),
            ...queues.map(({name, messages}) => ({
                id: idOf('queue', name),
                kind: 'queue',
                name,
                detail: brief(messages ?? 0),
                href: hash`#/queues/${vhost}/${name}`,
            })),
        ].map(node => [node.id, node]),
    );
}

/* Bindings between the same two are one edge. The default exchange's go without saying. */
function allEdges(nodes, bindings) {
    const edges = new Map();
    for (const {source, destination, destination_type: kind, routing_key: key} of bindings) {
        const from = nodes.get(idOf('exchange', source));
        const to = nodes.get(idOf(kind, destination));
        if (!from || !to) continue;
        const id = `${from.id}\n${to.id}`;
        if (!edges.has(id)) edges.set(id, {from, to, keys: []});
        edges.get(id).keys.push(key);
    }
    return [...edges.values()];
}

/* Adds to `kept` what is reached from there along the edges, which go from `near` to `far`. */
function spread(kept, start, edges, near, far) {
    const next = Map.groupBy ? Map.groupBy(edges, edge => edge[near]) : groups(edges, near);
    const open = [...start];
    const seen = new Set(start);
    while (open.length)
        for (const edge of next.get(open.pop()) ?? [])
            if (!seen.has(edge[far])) {
                seen.add(edge[far]);
                open.push(edge[far]);
            }
    seen.forEach(node => kept.add(node));
}

function groups(edges, near) {
    const all = new Map();
    for (const edge of edges) all.set(edge[near], [...(all.get(edge[near]) ?? []), edge]);
    return all;
}

/* An unbound amq.… exchange is there in every virtual host: left out unless it is asked for. So are queues
 * that only the default exchange knows, when they are many and would make the rest small. */
function graphOf(data, name, all) {
    const nodes = allNodes(data);
    const edges = allEdges(nodes, data.bindings);
    const bound = new Set(edges.flatMap(({from, to}) => [from, to]));
    const loose = [...nodes.values()].filter(node => node.kind === 'queue' && !bound.has(node));
    const crowded = !name && !all && bound.size > 0 && loose.length > LOOSE_MAX;
    const wanted = [...nodes.values()].filter(node =>
        name
            ? node.name.toLowerCase().includes(name.toLowerCase())
            : bound.has(node) ||
              !(node.name.startsWith('amq.') || (crowded && node.kind === 'queue')),
    );
    const kept = new Set();
    spread(kept, wanted, edges, 'from', 'to');
    spread(kept, wanted, edges, 'to', 'from');
    const shown = new Set(
        [...kept].sort((a, b) => bound.has(b) - bound.has(a)).slice(0, NODES_MAX),
    );
    return {
        nodes: [...shown],
        edges: edges.filter(({from, to}) => shown.has(from) && shown.has(to)),
        left: kept.size - shown.size,
        loose: crowded ? loose.length : 0,
    };
}

/* ---- the view ---- */

function controls(route, vhosts, vhost, name) {
    let timer = null;
    const change = (key, value) => {
        const query = new URLSearchParams(route.query);
        query.set(key, value);
        route.change(query);
    };
    return h(
        'div',
        {class: 'bar', keep: `controls ${vhost}`, role: 'search'},
        h(
            'div',
            {class: 'filter'},
            h(
                'label',
                {},
                'Virtual host ',
                h(
                    'select',
                    {onchange: event => change('vhost', event.target.value)},
                    vhosts.map(one => h('option', {value: one, selected: one === vhost}, one)),
                ),
            ),
            h(
                'label',
                {},
                'Around ',
                h('input', {
                    type: 'search',
                    value: name,
                    placeholder: 'part of a name',
                    oninput: event => {
                        clearTimeout(timer);
                        timer = setTimeout(() => change('name', event.target.value), TYPING_MS);
                    },
                }),
            ),
        ),
        h('button', {type: 'button', onclick: () => page.refresh()}, 'Look again'),
    );
}

function showAll(route) {
    const query = new URLSearchParams(route.query);
    query.set('all', 'true');
    route.change(query);
}

function branch(node, vhost, depth) {
    const link =
        node.kind === 'queue' ? queueLink(vhost, node.name) : exchangeLink(vhost, node.name);
    return h(
        'li',
        {},
        h('span', {class: 'help'}, `${node.kind} `),
        link,
        ` (${node.detail}${node.kind === 'queue' ? ' messages' : ''})`,
        node.to.length > 0 &&
            depth < TREE_DEPTH_MAX &&
            h(
                'ul',
                {},
                node.to.map(edge =>
                    h(
                        'li',
                        {},
                        h('span', {class: 'help'}, 'key '),
                        h('code', {}, edge.keys.filter(Boolean).join(', ') || '(empty)'),
                        h('ul', {}, branch(edge.to, vhost, depth + 1)),
                    ),
                ),
            ),
    );
}

function tree(graph, vhost) {
    const roots = graph.nodes.filter(node => node.from.length === 0);
    return h(
        'details',
        {class: 'fold'},
        h('summary', {}, 'The same as a tree'),
        h(
            'ul',
            {class: 'tree'},
            (roots.length ? roots : graph.nodes).map(node => branch(node, vhost, 0)),
        ),
    );
}

function render({vhosts, vhost, ...data}, route) {
    if (vhost === undefined)
        return [heading('Topology'), h('p', {}, 'There is no virtual host that you may see.')];
    const name = route.query.get('name') ?? '';
    const graph = graphOf({vhost, ...data}, name, route.query.get('all') === 'true');
    const signature = JSON.stringify([
        vhost,
        graph.nodes.map(node => node.id + node.detail),
        graph.edges.map(edge => [edge.from.id, edge.to.id, edge.keys]),
    ]);
    const picture =
        graph.nodes.length > 0 &&
        h(
            'div',
            {keep: signature},
            graphPicture(graph, `Topology of ${vhost}`),
            tree(graph, vhost),
        );
    return [
        heading('Topology'),
        section(
            `Exchanges and queues of ${vhost}`,
            controls(route, vhosts, vhost, name),
            graph.left > 0 &&
                h(
                    'p',
                    {class: 'help', role: 'status'},
                    `${count(graph.nodes.length)} of ${count(graph.nodes.length + graph.left)} are shown: narrow it down by a part of a name.`,
                ),
            graph.loose > 0 &&
                h(
                    'p',
                    {class: 'help', role: 'status'},
                    `${count(graph.loose)} queues that only the default exchange knows are left out. `,
                    h('button', {type: 'button', onclick: () => showAll(route)}, 'Show them'),
                ),
            picture || h('p', {class: 'empty'}, 'Nothing to show.'),
            h(
                'p',
                {class: 'help'},
                'Drag to move, Ctrl and the wheel to enlarge; with the picture focused: arrow keys, +, − and 0. ' +
                    'Every queue is bound to the default exchange by its name, too.',
            ),
        ),
    ];
}

export const topology = {load, render, still: true};
