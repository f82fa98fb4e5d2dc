/* SPDX-License-Identifier: Apache-2.0 */
/* Questions before what can't be undone. */
import {h, newId} from './dom.js';

/* Shows a modal dialog; resolves with whether it was agreed to. `action` is the button's text. */
export function confirm(question, action, detail = '') {
    const title = newId('question');
    const no = h('button', {type: 'button', class: 'plain'}, 'Cancel');
    const yes = h('button', {type: 'button', class: 'danger'}, action);
    const dialog = h(
        'dialog',
        {'aria-labelledby': title},
        h('p', {id: title, class: 'question'}, question),
        detail && h('p', {}, detail),
        h('div', {class: 'buttons'}, no, yes),
    );
    return new Promise(resolve => {
        no.addEventListener('click', () => dialog.close());
        yes.addEventListener('click', () => dialog.close('yes'));
        dialog.addEventListener('close', () => {
            dialog.remove();
            resolve(dialog.returnValue === 'yes');
        });
        document.body.append(dialog);
        dialog.showModal();
        no.focus();
    });
}
