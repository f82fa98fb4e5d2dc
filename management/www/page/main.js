/* SPDX-License-Identifier: Apache-2.0 */
/* The page's life: from the sign-in form to the views, along the address's hash.
 *
 *   start() ─ remembered credentials ─→ enter() ─→ open() at each new hash ─→ look() every few seconds
 *   start() ─ none, or refused ─→ sign-in form ─→ enter()
 *
 * (1) One view is open. Its load() is called for each look, its render() makes a picture of what
 *     load() gave, which is patched into the page (dom.js).
 * (2) An answer that arrives when another has been asked for is dropped (`visit`).
 * (3) A view that is `still` is looked at once, and again when the user wants it.
 * (4) A look that fails leaves the last picture there and says so; the next one may mend it.
 */
import {ApiError} from './api.js';
import {h, patchChildren} from './dom.js';
import {frame, frameState} from './frame.js';
import {page} from './page.js';
import {Refresher} from './refresh.js';
import {routeOf} from './routes.js';
import {onExpired, signOut} from './session.js';
import {applyTheme, setting} from './settings.js';
import {proveRemembered, signInForm} from './signin.js';

const app = document.getElementById('app');
const refresher = new Refresher(
    () => look(),
    () => now.view && !now.view.still,
);

/* What is open: the view, its route, and a number that is another one for each look. */
const now = {view: null, route: null, visit: 0, shown: ''};

function show(...content) {
    const main = document.getElementById('main');
    patchChildren(main, h('main', {}, content));
}

function failed(error) {
    const text =
        error instanceof ApiError ? error.message : `The page has a fault: ${error.message}`;
    if (!(error instanceof ApiError)) console.error(error);
    if (now.shown === location.hash) frameState({trouble: `${text} Trying again.`});
    else
        show(
            h('div', {class: 'heading', key: 'failure'}, h('h1', {tabindex: -1}, now.route.title)),
            h('p', {class: 'failure', role: 'alert', key: 'failed'}, text),
        );
}

/* Asks the broker and shows what it says. */
async function look() {
    now.visit += 1;
    const {visit, view, route} = now;
    if (!view) return;
    try {
        const data = await view.load(route);
        if (visit !== now.visit) return;
        show(h('div', {class: 'view', key: route.path}, view.render(data, route)));
        now.shown = location.hash;
        frameState({trouble: ''});
    } catch (error) {
        if (visit === now.visit) failed(error);
    }
}

function focusHeading() {
    document.querySelector('#main h1')?.focus({preventScroll: true});
    window.scrollTo(0, 0);
}

/* Opens what the address names. */
async function open() {
    const route = routeOf(location.hash);
    const other = route.path !== now.route?.path;
    const first = now.route === null;
    Object.assign(now, {view: route.view, route});
    route.change = query => {
        const text = query.toString();
        history.replaceState(null, '', `#${route.path}${text ? `?${text}` : ''}`);
        open();
    };
    document.title = `${route.title} – Bilby`;
    frameState({path: route.path});
    refresher.stop();
    await refresher.now();
    if (route === now.route && other && !first) focusHeading();
}

async function enter() {
    app.replaceChildren(await frame({refresher, leave}));
    now.route = null;
    window.addEventListener('hashchange', open);
    await open();
}

function askForLogin(message) {
    now.view = null;
    now.visit += 1;
    refresher.stop();
    window.removeEventListener('hashchange', open);
    document.title = 'Sign in – Bilby';
    app.replaceChildren(signInForm(message, enter));
}

function leave() {
    signOut();
    askForLogin('');
}

async function start() {
    applyTheme(setting('theme', ''));
    page.refresh = () => refresher.now();
    page.go = target => {
        location.hash = target;
    };
    onExpired(() =>
        askForLogin('The broker no longer accepts your password. Please sign in again.'),
    );
    if (await proveRemembered()) await enter();
    else askForLogin('');
}

start();
