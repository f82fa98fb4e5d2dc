/* SPDX-License-Identifier: Apache-2.0 */
/* What the views have in common: acting on the broker, links to objects, headings, small marks. */
import {get} from './api.js';
import {confirm} from './dialog.js';
import {h} from './dom.js';
import {exchangeId, exchangeName} from './format.js';
import {complain, tell} from './notice.js';
import {chosenVhost} from './settings.js';

/* The running page: main.js fills it in. */
export const page = {refresh: async () => {}, go: () => {}};

/* Does it, says so, and looks again; a failure is told as a notice. */
export async function act(what, done) {
    try {
        await what();
        if (done) tell(done);
    } catch (error) {
        complain(error.message);
    }
    await page.refresh();
}

/* The same out of a form, which tells the failure itself. */
export async function actInForm(what, done) {
    await what();
    tell(done);
    await page.refresh();
}

/* Asks first. Afterwards to `next`, when there is one. */
export async function destroy({question, action, detail, what, done, next}) {
    if (!(await confirm(question, action, detail))) return;
    try {
        await what();
    } catch (error) {
        complain(error.message);
        return;
    }
    tell(done);
    if (next) page.go(next);
    else await page.refresh();
}

/* go`#/queues/${vhost}/${name}` */
export function hash(texts, ...names) {
    return texts.reduce((all, text, i) => all + encodeURIComponent(names[i - 1]) + text);
}

export const queueLink = (vhost, name, text = name) =>
    h('a', {href: hash`#/queues/${vhost}/${name}`}, text);
export const exchangeLink = (vhost, name) =>
    h('a', {href: hash`#/exchanges/${vhost}/${exchangeId(name)}`}, exchangeName(name));
/* "1.2.3.4:5 -> 6.7.8.9:5672 (1)": lines end behind the arrow, not in it. */
function ends(name) {
    const [from, ...rest] = name.split(' -> ');
    if (rest.length !== 1) return name;
    return [h('span', {class: 'whole'}, `${from} ->`), ' ', h('span', {class: 'whole'}, rest[0])];
}

export const connectionLink = name => h('a', {href: hash`#/connections/${name}`}, ends(name));
export const channelLink = name => h('a', {href: hash`#/channels/${name}`}, ends(name));

/* The page's heading, which takes the focus after a step to another page. */
export function heading(title, ...beside) {
    return h('div', {class: 'heading'}, h('h1', {tabindex: -1}, title), beside);
}

export function section(title, ...content) {
    return h('section', {class: 'panel', key: `section ${title}`}, h('h2', {}, title), content);
}

/* Letters for what an object is: [[true, 'D', 'durable'], …]. */
export function marks(list) {
    return h(
        'span',
        {class: 'marks'},
        list
            .filter(([is]) => is)
            .map(([, letter, meaning, link]) =>
                link
                    ? h('a', {class: 'mark', href: link, title: meaning}, letter)
                    : h('abbr', {class: 'mark', title: meaning}, letter),
            ),
    );
}

export function removeButton(label, onclick, text = 'Delete') {
    return h('button', {type: 'button', class: 'danger small', 'aria-label': label, onclick}, text);
}

/* "/queues" or "/queues/{the chosen virtual host}". */
export function inVhost(target) {
    const vhost = chosenVhost();
    return vhost ? `${target}/${encodeURIComponent(vhost)}` : target;
}

/* Names of the virtual hosts that the user may see. */
export async function vhostNames() {
    return (await get('/vhosts?columns=name')).map(({name}) => name);
}

/* The field to choose one of them in forms. */
export function vhostField(names) {
    const chosen = chosenVhost();
    return {
        name: 'vhost',
        label: 'Virtual host',
        type: 'select',
        options: names.map(name => [name, name]),
        value: names.includes(chosen) ? chosen : names[0],
    };
}
