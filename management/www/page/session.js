/* SPDX-License-Identifier: Apache-2.0 */
/* Who is signed in, and what his tags allow.
 *
 * (1) Credentials are in sessionStorage only: closing the tab forgets them.
 * (2) What is not allowed here is not offered by the page; the broker checks all the same.
 */
const STORE = 'bilby.session';

const state = {login: null, name: null, tags: [], listener: () => {}};

function base64(text) {
    const bytes = new TextEncoder().encode(text);
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
}

/* The header's value for a name and a password. */
export function basic(name, password) {
    return `Basic ${base64(`${name}:${password}`)}`;
}

export function authorization() {
    return state.login;
}

/* The credentials kept from before this page was loaded, or null. */
export function remembered() {
    return sessionStorage.getItem(STORE);
}

/* `who` is what /api/whoami says; its tags are a list, or a text with commas. */
export function signIn(login, who) {
    sessionStorage.setItem(STORE, login);
    Object.assign(state, {login, name: who.name});
    state.tags = Array.isArray(who.tags) ? who.tags : String(who.tags ?? '').split(',');
}

export function signOut() {
    sessionStorage.removeItem(STORE);
    Object.assign(state, {login: null, name: null, tags: []});
}

/* Calls back when the broker refuses credentials that it had accepted. */
export function onExpired(listener) {
    state.listener = listener;
}

export function expire() {
    if (!state.login) return;
    signOut();
    state.listener();
}

export const userName = () => state.name;
const has = (...tags) => tags.some(tag => state.tags.includes(tag));
export const isAdministrator = () => has('administrator');
export const isMonitor = () => has('administrator', 'monitoring');
export const isPolicymaker = () => has('administrator', 'policymaker');
