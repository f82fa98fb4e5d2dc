/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: all but the messages, as a file to keep and to bring back. */
import {get, post} from '../api.js';
import {h} from '../dom.js';
import {form} from '../form.js';
import {act, actInForm, section} from '../page.js';
import {chosenVhost} from '../settings.js';

/* Hands a text over as a file. */
export function saveFile(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], {type}));
    const link = h('a', {href: url, download: name});
    document.body.append(link);
    link.click();
    link.remove();
    URL.revokeObjectURL(url);
}

const target = () =>
    chosenVhost() ? `/definitions/${encodeURIComponent(chosenVhost())}` : '/definitions';

async function save() {
    const document = await get(target());
    const day = new Date().toISOString().slice(0, 10);
    saveFile(
        `bilby-definitions-${day}.json`,
        'application/json',
        `${JSON.stringify(document, null, 2)}\n`,
    );
}

async function restore({file}) {
    let document;
    try {
        document = JSON.parse(await file.text());
    } catch {
        throw new Error('The file is not JSON.');
    }
    await post(target(), document);
}

export function definitions() {
    return section(
        'Definitions',
        h(
            'p',
            {},
            'Users, virtual hosts, permissions, policies, exchanges, queues and bindings, in RabbitMQ’s form. ',
            chosenVhost()
                ? `Only those of the virtual host ${chosenVhost()}.`
                : 'Of all virtual hosts.',
        ),
        h('p', {}, h('button', {type: 'button', onclick: () => act(save)}, 'Export as a file')),
        form({
            name: 'import',
            submit: 'Import',
            label: 'Import definitions',
            fields: [
                {
                    name: 'file',
                    label: 'Import a file',
                    type: 'file',
                    required: true,
                    accept: '.json,application/json',
                    help: 'Adds and changes what the file holds; nothing is deleted.',
                },
            ],
            onsubmit: values => actInForm(() => restore(values), 'The definitions are imported.'),
        }),
    );
}
