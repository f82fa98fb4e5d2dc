/* SPDX-License-Identifier: Apache-2.0 */
/* Forms out of lists of fields.
 *
 * (1) Every field has a label; help is tied to it.
 * (2) A form is left alone by refreshes (dom.js, keep).
 * (3) What the broker refuses is said in the form, where it was asked.
 */
import {argumentsEditor} from './arguments.js';
import {h, newId} from './dom.js';

function inputFor(field, id) {
    const common = {
        id,
        name: field.name,
        required: field.required,
        'aria-describedby': field.help && `${id}-help`,
        autocomplete: field.autocomplete ?? 'off',
        placeholder: field.placeholder,
        spellcheck: 'false',
    };
    if (field.type === 'select')
        return h(
            'select',
            {...common, spellcheck: null},
            field.options.map(([value, text]) =>
                h('option', {value, selected: value === field.value}, text),
            ),
        );
    if (field.type === 'textarea') {
        const area = h('textarea', {...common, rows: field.rows ?? 4});
        area.defaultValue = field.value ?? '';
        return area;
    }
    return h('input', {
        ...common,
        type: field.type ?? 'text',
        value: field.value,
        min: field.min,
        max: field.max,
        accept: field.accept,
        list: field.options && `${id}-list`,
    });
}

function checkbox(field) {
    const id = newId('field');
    const input = h('input', {
        type: 'checkbox',
        id,
        name: field.name,
        checked: field.value === true,
    });
    return {
        element: h('div', {class: 'check'}, input, h('label', {for: id}, field.label)),
        read: () => input.checked,
    };
}

function argumentsField(field) {
    const editor = argumentsEditor(field.label, field.known ?? [], field.value);
    return {element: editor, read: () => editor.read(), clear: () => editor.clear()};
}

function labelled(field) {
    const id = newId('field');
    const input = inputFor(field, id);
    const list =
        field.options &&
        field.type !== 'select' &&
        h(
            'datalist',
            {id: `${id}-list`},
            field.options.map(value => h('option', {value})),
        );
    const read = () => {
        if (field.type === 'number') return input.value === '' ? null : Number(input.value);
        return field.type === 'file' ? (input.files[0] ?? null) : input.value;
    };
    return {
        element: h(
            'div',
            {class: `field ${field.wide || field.type === 'textarea' ? 'wide' : ''}`},
            h(
                'label',
                {for: id},
                field.label,
                field.required && h('span', {class: 'must'}, ' (required)'),
            ),
            input,
            list,
            field.help && h('p', {class: 'help', id: `${id}-help`}, field.help),
        ),
        read,
    };
}

const MAKERS = {checkbox, arguments: argumentsField};

async function submit(event, form, parts, spec) {
    const alert = form.querySelector('.alert');
    const button = form.querySelector('button[type=submit]');
    event.preventDefault();
    alert.textContent = '';
    button.disabled = true;
    try {
        const values = Object.fromEntries(
            spec.fields.map((field, i) => [field.name, parts[i].read()]),
        );
        await spec.onsubmit(values);
        if (!spec.stay) {
            form.reset();
            parts.forEach(part => part.clear?.());
        }
    } catch (error) {
        alert.textContent = error.message;
    }
    button.disabled = false;
}

/* spec: {name, submit: 'Add', fields: [{name, label, type, value, help, required, options, …}],
 * onsubmit: async values => …, which throws what went wrong; stay: true keeps what was typed}.
 * Types: text, number, password, file, textarea, select, checkbox, arguments. */
export function form(spec) {
    const parts = spec.fields.map(field => (MAKERS[field.type] ?? labelled)(field));
    const element = h(
        'form',
        {class: 'form', keep: spec.name, key: spec.name, 'aria-label': spec.label ?? spec.submit},
        parts.map(part => part.element),
        h(
            'div',
            {class: 'foot'},
            h('button', {type: 'submit', class: spec.danger ? 'danger' : 'primary'}, spec.submit),
            h('p', {class: 'alert', role: 'alert'}),
        ),
    );
    element.addEventListener('submit', event => submit(event, element, parts, spec));
    return element;
}

/* A part of a page that opens and closes. */
export function fold(title, ...content) {
    return h(
        'details',
        {class: 'fold', key: `fold ${title}`},
        h('summary', {}, title),
        h('div', {class: 'inside'}, content),
    );
}
