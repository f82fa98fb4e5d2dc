/* SPDX-License-Identifier: Apache-2.0 */
/* Elements out of data, and how a newer picture of the same data replaces an older one.
 *
 * (1) Text from the broker becomes text nodes and attribute values, never markup: no function here
 *     parses HTML.
 * (2) patch() keeps the elements that are on the page (and with them focus, selection, scrolling and
 *     what was typed) and changes what differs. Handlers are always those of the newest picture.
 * (3) An element with `keep` is left as it is while its `keep` stays the same: forms, things with a
 *     life of their own. One with `key` is the same one only where the key is the same.
 */
const SVG = 'http://www.w3.org/2000/svg';

/* Symbols, as a form's properties by name are its fields. */
const KEY = Symbol('key');
const KEEP = Symbol('keep');
const HANDLERS = Symbol('handlers');
const OWN = {key: KEY, keep: KEEP};

function dispatch(event) {
    event.currentTarget[HANDLERS][event.type]?.(event);
}

function setAttribute(element, name, value) {
    if (name.startsWith('on')) {
        element[HANDLERS] ??= {};
        element[HANDLERS][name.slice(2)] = value;
        element.addEventListener(name.slice(2), dispatch);
    } else if (OWN[name]) {
        element[OWN[name]] = value;
    } else if (value === true) {
        element.setAttribute(name, '');
    } else if (value !== false && value !== null && value !== undefined) {
        element.setAttribute(name, value);
    }
}

function append(element, children) {
    for (const child of children.flat(Infinity))
        if (child !== null && child !== undefined && child !== false && child !== '')
            element.append(child instanceof Node ? child : document.createTextNode(child));
}

function make(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {}))
        setAttribute(element, name, value);
    append(element, children);
    return element;
}

/* h('a', {href: '#/queues', onclick: f}, 'Queues', …): an element. Children are nodes, texts, arrays
 * of them; null, undefined, false and '' are none. */
export function h(tag, attributes, ...children) {
    return make(document.createElement(tag), attributes, children);
}

/* The same for SVG. */
export function svg(tag, attributes, ...children) {
    return make(document.createElementNS(SVG, tag), attributes, children);
}

function sameKind(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a[KEY] === b[KEY];
}

function patchAttributes(element, fresh) {
    for (const {name} of [...element.attributes])
        if (!fresh.hasAttribute(name) && name !== 'open') element.removeAttribute(name);
    for (const {name, value} of fresh.attributes)
        if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function patchHandlers(element, fresh) {
    for (const type of Object.keys(fresh[HANDLERS] ?? {}))
        if (!element[HANDLERS]?.[type]) element.addEventListener(type, dispatch);
    element[HANDLERS] = fresh[HANDLERS];
}

/* Makes `parent`'s children look like those of `fresh`, whose nodes it may take. */
export function patchChildren(parent, fresh) {
    const keyed = new Map();
    for (const child of parent.childNodes)
        if (child[KEY] !== undefined) keyed.set(child[KEY], child);
    let at = parent.firstChild;
    for (const want of [...fresh.childNodes]) {
        const have = want[KEY] !== undefined ? keyed.get(want[KEY]) : at;
        if (!have || !sameKind(have, want)) {
            parent.insertBefore(want, at);
            continue;
        }
        if (have === at) at = at.nextSibling;
        else parent.insertBefore(have, at);
        patch(have, want);
    }
    while (at) {
        const next = at.nextSibling;
        at.remove();
        at = next;
    }
}

/* `node` becomes what `fresh`, of the same kind, is. */
function patch(node, fresh) {
    if (node.nodeType === Node.TEXT_NODE) {
        if (node.data !== fresh.data) node.data = fresh.data;
        return;
    }
    if (node[KEEP] !== undefined && node[KEEP] === fresh[KEEP]) return;
    if (node[KEEP] !== fresh[KEEP]) {
        node.replaceWith(fresh);
        return;
    }
    patchAttributes(node, fresh);
    patchHandlers(node, fresh);
    patchChildren(node, fresh);
}

let lastId = 0;

/* An id that no other element has. */
export function newId(prefix) {
    lastId += 1;
    return `${prefix}-${lastId}`;
}
