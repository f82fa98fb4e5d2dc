/* SPDX-License-Identifier: Apache-2.0 */
/* What stands around every view: skip link, name of the broker, navigation, settings, alarms. */
import {get, getOrNull} from './api.js';
import {h, patchChildren} from './dom.js';
import {page} from './page.js';
import {INTERVALS} from './refresh.js';
import {navigation} from './routes.js';
import {isMonitor, userName} from './session.js';
import {applyTheme, chooseVhost, chosenVhost, setting} from './settings.js';

const THEMES = [
    ['', 'as the system'],
    ['light', 'light'],
    ['dark', 'dark'],
];

function choice(label, options, chosen, onchange) {
    return h(
        'label',
        {class: 'choice'},
        h('span', {}, label),
        h(
            'select',
            {onchange: event => onchange(event.target.value)},
            options.map(([value, text]) => h('option', {value, selected: value === chosen}, text)),
        ),
    );
}

function vhostChoice(vhosts) {
    const names = vhosts.map(({name}) => name);
    if (chosenVhost() && !names.includes(chosenVhost())) chooseVhost('');
    return choice(
        'Virtual host',
        [['', 'all'], ...names.map(name => [name, name])],
        chosenVhost(),
        vhost => {
            chooseVhost(vhost);
            page.refresh();
        },
    );
}

function menuButton() {
    const button = h(
        'button',
        {type: 'button', class: 'menu', 'aria-expanded': 'false', 'aria-controls': 'side'},
        'Menu',
    );
    button.addEventListener('click', () => {
        const open = button.getAttribute('aria-expanded') !== 'true';
        button.setAttribute('aria-expanded', String(open));
        document.getElementById('side').classList.toggle('open', open);
    });
    return button;
}

function links() {
    return h(
        'nav',
        {'aria-label': 'Pages'},
        h(
            'ul',
            {},
            navigation().map(({path, title}) => h('li', {}, h('a', {href: `#${path}`}, title))),
        ),
    );
}

function side(vhosts, {refresher, leave}) {
    return h(
        'div',
        {id: 'side'},
        links(),
        h(
            'div',
            {class: 'choices'},
            h('div', {id: 'vhosts'}, vhostChoice(vhosts)),
            choice('Refresh', INTERVALS, refresher.seconds, seconds => {
                refresher.seconds = seconds;
            }),
            choice('Colours', THEMES, setting('theme', ''), applyTheme),
        ),
        h(
            'div',
            {class: 'user'},
            h('span', {}, 'Signed in as ', h('b', {}, userName())),
            h('button', {type: 'button', class: 'small', onclick: leave}, 'Sign out'),
        ),
    );
}

/* The frame with an empty <main>. */
export async function frame(parts) {
    const [overview, vhosts] = await Promise.all([
        get('/overview?columns=cluster_name,product_version'),
        get('/vhosts?columns=name'),
    ]);
    return h(
        'div',
        {class: 'frame'},
        h('a', {class: 'skip', href: '#main', onclick: skip}, 'Skip to the content'),
        h(
            'header',
            {},
            h(
                'a',
                {class: 'brand', href: '#/'},
                h('img', {src: '/page/icon.svg', alt: '', width: 26, height: 26}),
                h('span', {}, 'Bilby'),
            ),
            h('span', {class: 'node'}, overview.cluster_name),
            menuButton(),
        ),
        side(vhosts, parts),
        h(
            'div',
            {class: 'content'},
            h('p', {id: 'trouble', role: 'status', hidden: true}),
            h('p', {id: 'alarms', role: 'alert', hidden: true}),
            h('main', {id: 'main', tabindex: -1}),
        ),
    );
}

/* The address's hash is the view's: the link moves the focus by itself. */
function skip(event) {
    event.preventDefault();
    document.getElementById('main').focus();
}

function say(id, text) {
    const place = document.getElementById(id);
    if (place && place.textContent !== text) {
        place.textContent = text;
        place.hidden = !text;
    }
}

function markCurrent(path) {
    for (const link of document.querySelectorAll('#side nav a')) {
        const own = link.getAttribute('href').slice(1);
        const current = own === path || (own !== '/' && path.startsWith(`${own}/`));
        if (current) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
    }
    document.getElementById('side')?.classList.remove('open');
    document.querySelector('header .menu')?.setAttribute('aria-expanded', 'false');
}

const ALARMS = [
    ['mem_alarm', 'memory is above its limit'],
    ['disk_free_alarm', 'the disk is nearly full'],
];

async function lookForAlarms() {
    const nodes = isMonitor()
        ? await getOrNull('/nodes?columns=mem_alarm,disk_free_alarm').catch(() => null)
        : null;
    const on = ALARMS.filter(([key]) => nodes?.[0]?.[key]).map(([, text]) => text);
    say('alarms', on.length ? `Publishers are held back: ${on.join(' and ')}.` : '');
}

/* Virtual hosts come and go. */
async function lookForVhosts() {
    const vhosts = await get('/vhosts?columns=name').catch(() => null);
    const place = document.getElementById('vhosts');
    if (vhosts && place) patchChildren(place, h('div', {}, vhostChoice(vhosts)));
}

/* What has changed: {path} after a step, {trouble: text or ''} after a look. */
export function frameState({path, trouble}) {
    if (path !== undefined) {
        markCurrent(path);
        lookForVhosts();
    }
    if (trouble !== undefined) {
        say('trouble', trouble);
        if (!trouble) lookForAlarms();
    }
}
