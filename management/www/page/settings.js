/* SPDX-License-Identifier: Apache-2.0 */
/* What the user chose for this page: kept in the browser, harmless, without secrets. */
const PREFIX = 'bilby.';

export function setting(name, fallback) {
    return localStorage.getItem(PREFIX + name) ?? fallback;
}

export function choose(name, value) {
    localStorage.setItem(PREFIX + name, value);
}

/* 'light', 'dark', or '' for what the system says. */
export function applyTheme(theme) {
    choose('theme', theme);
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
}

/* The virtual host that lists are narrowed to; '' is all. */
export const chosenVhost = () => setting('vhost', '');
export const chooseVhost = vhost => choose('vhost', vhost);
