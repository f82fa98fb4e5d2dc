/* SPDX-License-Identifier: Apache-2.0 */
/* Short notices in a corner, read out by screen readers. Errors stay until they are put away. */
import {h} from './dom.js';

const GOOD_FOR_MS = 6000;
const AT_ONCE_MAX = 4;

function show(kind, text) {
    const place = document.getElementById('notices');
    const close = h(
        'button',
        {type: 'button', class: 'plain', 'aria-label': `Dismiss: ${text}`},
        '×',
    );
    const notice = h('div', {class: `notice ${kind}`}, h('span', {}, text), close);
    close.addEventListener('click', () => notice.remove());
    place.append(notice);
    while (place.children.length > AT_ONCE_MAX) place.firstChild.remove();
    return notice;
}

export function tell(text) {
    const notice = show('good', text);
    setTimeout(() => notice.remove(), GOOD_FOR_MS);
}

export function complain(text) {
    show('bad', text);
}
