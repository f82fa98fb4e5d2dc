/* SPDX-License-Identifier: Apache-2.0 */
/* The sign-in form. Who has been let in once in this tab needs it no more. */
import {getAs} from './api.js';
import {h} from './dom.js';
import {basic, remembered, signIn, signOut} from './session.js';

/* What a refusal means for the one who tries to sign in. */
function explain(error) {
    if (error.message === 'Not_Authorized') return 'The name or the password is wrong.';
    if (error.message === 'Not management user')
        return (
            'The password is right, but this user has none of the tags management, policymaker, ' +
            'monitoring or administrator, and so may not see this page.'
        );
    if (error.message === 'User can only log in via localhost')
        return 'This user may sign in only from the machine that the broker runs on.';
    return error.message;
}

async function attempt(login) {
    signIn(login, await getAs(login, '/whoami'));
}

/* True when the credentials of this tab's past are still good. */
export async function proveRemembered() {
    const login = remembered();
    if (!login) return false;
    try {
        await attempt(login);
        return true;
    } catch {
        signOut();
        return false;
    }
}

function field(id, label, attributes) {
    return h(
        'div',
        {class: 'field'},
        h('label', {for: id}, label),
        h('input', {id, required: true, ...attributes}),
    );
}

/* `message` is what to say first, or ''. Calls `entered` after success. */
export function signInForm(message, entered) {
    const alert = h('p', {class: 'alert', role: 'alert'}, message);
    const button = h('button', {type: 'submit', class: 'primary'}, 'Sign in');
    const name = field('user', 'User', {
        autocomplete: 'username',
        autocapitalize: 'none',
        autofocus: true,
    });
    const password = field('password', 'Password', {
        type: 'password',
        autocomplete: 'current-password',
    });
    const form = h('form', {class: 'signin'}, name, password, button, alert);
    form.addEventListener('submit', async event => {
        event.preventDefault();
        alert.textContent = '';
        button.disabled = true;
        try {
            await attempt(basic(name.lastChild.value, password.lastChild.value));
            await entered();
        } catch (error) {
            alert.textContent = explain(error);
            password.lastChild.value = '';
            password.lastChild.focus();
        }
        button.disabled = false;
    });
    return h(
        'main',
        {class: 'door'},
        h('img', {src: '/page/icon.svg', alt: '', width: 72, height: 72}),
        h('h1', {}, 'Bilby'),
        form,
        h('p', {class: 'help'}, 'Programs use ', h('a', {href: '/api/'}, 'the HTTP API'), '.'),
    );
}
