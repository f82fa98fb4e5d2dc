/* SPDX-License-Identifier: Apache-2.0 */
/* Places for a graph of exchanges and queues: layers from left to right, few crossings.
 *
 * (1) An edge leads from a lower to a higher layer, save where exchanges are bound in a circle.
 * (2) Queues, and what nothing leads on from, stand in the last layer.
 * (3) An edge over several layers bends in each layer between: it has a place of its own there and so
 *     crosses no node.
 * (4) The same graph has the same picture.
 */
export const NODE = {width: 210, height: 34};
const GAP = {x: 120, y: 14};
const SWEEPS = 6;

/* The longest way from a node without incoming edges. */
function layerOf(graph) {
    const layers = new Map();
    const open = new Set();
    const visit = node => {
        if (layers.has(node.id)) return layers.get(node.id);
        if (open.has(node.id)) return 0;
        open.add(node.id);
        const above = node.from.map(edge => visit(edge.from) + 1);
        open.delete(node.id);
        layers.set(node.id, Math.max(0, ...above));
        return layers.get(node.id);
    };
    graph.nodes.forEach(visit);
    const last = Math.max(1, ...graph.nodes.map(node => layers.get(node.id)));
    for (const node of graph.nodes)
        node.layer = node.kind === 'queue' ? last : Math.min(layers.get(node.id), last);
    return last + 1;
}

/* Replaces an edge over several layers by one from bend to bend; `edge.bends` are those. */
function addBends(edge, layers) {
    edge.bends = [];
    for (let layer = edge.from.layer + 1; layer < edge.to.layer; layer++) {
        const bend = {layer, place: 0, previous: [], next: []};
        edge.bends.push(bend);
        layers[layer].push(bend);
    }
    const way = [edge.from, ...edge.bends, edge.to];
    way.slice(1).forEach((node, i) => {
        way[i].next.push(node);
        node.previous.push(way[i]);
    });
}

/* Nodes move to the middle of their neighbours on one side. */
function sortByNeighbours(layer, neighbours) {
    const middle = node => {
        const places = neighbours(node).map(other => other.place);
        return places.length
            ? places.reduce((sum, place) => sum + place, 0) / places.length
            : node.place;
    };
    const wanted = new Map(layer.map(node => [node, middle(node)]));
    layer.sort((a, b) => wanted.get(a) - wanted.get(b) || a.place - b.place);
    layer.forEach((node, i) => {
        node.place = (i + 0.5) / layer.length;
    });
}

function order(layers) {
    for (const layer of layers) sortByNeighbours(layer, () => []);
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
        layers.forEach(layer => sortByNeighbours(layer, node => node.previous));
        [...layers].reverse().forEach(layer => sortByNeighbours(layer, node => node.next));
    }
}

/* graph: {nodes: [{id, kind, name}], edges: [{from, to}]}, ends being nodes. Gives every node, and the
 * `bends` of every edge, x and y of its upper left corner, and returns the picture's {width, height}. */
export function layOut(graph) {
    for (const node of graph.nodes)
        Object.assign(node, {from: [], to: [], previous: [], next: [], place: 0});
    for (const edge of graph.edges) {
        edge.from.to.push(edge);
        edge.to.from.push(edge);
    }
    const layers = Array.from({length: layerOf(graph)}, () => []);
    for (const node of graph.nodes) layers[node.layer].push(node);
    for (const edge of graph.edges) addBends(edge, layers);
    order(layers);
    const rows = Math.max(1, ...layers.map(layer => layer.length));
    const height = rows * (NODE.height + GAP.y);
    layers.forEach((layer, column) =>
        layer.forEach((node, row) => {
            node.x = column * (NODE.width + GAP.x);
            node.y = ((row + 0.5) * height) / layer.length - NODE.height / 2;
        }),
    );
    return {width: layers.length * (NODE.width + GAP.x) - GAP.x, height};
}
