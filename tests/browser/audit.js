/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the page as it stands, for those who use a keyboard, a screen reader or weak eyes:
 * a list of sentences, empty when all is well. Run as a function's body. */
const wrong = [];
const seen = element => element.checkVisibility();
const tell = (what, element) => wrong.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
const all = selector => [...document.querySelectorAll(selector)].filter(seen);

/* ---- names ---- */

function nameOf(element) {
    const by = element.getAttribute('aria-labelledby');
    return (
        element.getAttribute('aria-label') ??
        (by && document.getElementById(by)?.textContent) ??
        element.textContent
    ).trim();
}

for (const field of all('input, select, textarea'))
    if (
        ![...field.labels].some(label => label.textContent.trim()) &&
        !field.getAttribute('aria-label')
    )
        tell('a field without a label', field);
for (const element of all('button, a, summary'))
    if (!nameOf(element) && !element.querySelector('img[alt]:not([alt=""])'))
        tell('nothing says what it is', element);
for (const image of all('img'))
    if (!image.hasAttribute('alt')) tell('an image without a text', image);
for (const picture of all('svg[tabindex]'))
    if (!picture.getAttribute('aria-label') || !picture.getAttribute('role'))
        tell('a picture without a name', picture);
for (const dialog of all('dialog')) if (!nameOf(dialog)) tell('a dialog without a name', dialog);

/* ---- structure ---- */

const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i)))
    wrong.push(`two elements have the id ${id}`);
for (const label of all('label[for]'))
    if (!document.getElementById(label.htmlFor)) tell('a label of nothing', label);
if (document.querySelectorAll('h1').length !== 1) wrong.push('there is not one h1');
if (document.querySelectorAll('main').length !== 1) wrong.push('there is not one main');
if (!document.documentElement.lang) wrong.push('the page has no language');
for (const table of all('table')) {
    if (!table.caption?.textContent.trim()) tell('a table without a caption', table);
    for (const head of table.querySelectorAll('th'))
        if (!head.scope) tell('a heading without a scope', head);
}
for (const element of all('[tabindex]'))
    if (element.tabIndex > 0) tell('a tab order of its own', element);
for (const element of document.querySelectorAll('[style]'))
    if (!element.matches('.tip')) tell('an inline style', element);

/* ---- contrast [WCAG 2.1, 1.4.3] ---- */

const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});

function rgba(color) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
}

function over(top, below) {
    const part = top[3] / 255;
    return [0, 1, 2].map(i => top[i] * part + below[i] * (1 - part)).concat(255);
}

function behind(element) {
    if (!element) return rgba(getComputedStyle(document.documentElement).backgroundColor);
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 255 ? color : over(color, behind(element.parentElement));
}

function luminance(color) {
    const [r, g, b] = color
        .map(part => part / 255)
        .map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
    const [low, high] = [luminance(a), luminance(b)].sort((one, other) => one - other);
    return (high + 0.05) / (low + 0.05);
}

const checked = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (
        !walker.currentNode.data.trim() ||
        checked.has(element) ||
        !seen(element) ||
        element.closest('svg, option, noscript, :disabled, .hidden')
    )
        continue;
    checked.add(element);
    const ground = behind(element);
    const style = getComputedStyle(element);
    const ratio = contrast(over(rgba(style.color), ground), ground);
    if (ratio < 4.5) tell(`contrast ${ratio.toFixed(2)}`, element);
}
return wrong;
