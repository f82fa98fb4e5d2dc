/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing a message and looking into a queue. */
import {path, post} from '../api.js';
import {h} from '../dom.js';
import {fold, form} from '../form.js';
import {bytes, count, exchangeId, exchangeName} from '../format.js';
import {complain, tell} from '../notice.js';
import {page} from '../page.js';
import {argumentsText} from '../table.js';

const PROPERTIES = [
    ['content_type', 'string'],
    ['content_encoding', 'string'],
    ['priority', 'number'],
    ['correlation_id', 'string'],
    ['reply_to', 'string'],
    ['expiration', 'string'],
    ['message_id', 'string'],
    ['timestamp', 'number'],
    ['type', 'string'],
    ['user_id', 'string'],
    ['app_id', 'string'],
];

/* ---- publishing ---- */

async function publish(vhost, exchange, values) {
    const {key, payload, encoding, persistent, headers, properties} = values;
    const answer = await post(path`/exchanges/${vhost}/${exchangeId(exchange)}/publish`, {
        routing_key: key,
        payload,
        payload_encoding: encoding,
        properties: {
            ...properties,
            delivery_mode: persistent ? 2 : 1,
            ...(Object.keys(headers).length && {headers}),
        },
    });
    if (answer.routed) tell('Published, and routed.');
    else complain('Published, but no queue took the message.');
    await page.refresh();
}

/* `key` is what the routing key starts as. */
export function publishForm({vhost, exchange, key}) {
    return fold(
        `Publish to ${exchangeName(exchange)}`,
        form({
            name: `publish ${exchange} ${key}`,
            submit: 'Publish',
            stay: true,
            fields: [
                {name: 'key', label: 'Routing key', value: key},
                {
                    name: 'encoding',
                    label: 'The payload is',
                    type: 'select',
                    options: [
                        ['string', 'text'],
                        ['base64', 'base64'],
                    ],
                },
                {name: 'payload', label: 'Payload', type: 'textarea'},
                {
                    name: 'persistent',
                    label: 'Persistent: kept on the disk by durable queues',
                    type: 'checkbox',
                    value: true,
                },
                {name: 'properties', label: 'Properties', type: 'arguments', known: PROPERTIES},
                {name: 'headers', label: 'Headers', type: 'arguments'},
            ],
            onsubmit: values => publish(vhost, exchange, values),
        }),
    );
}

/* ---- getting ---- */

/* JSON is easier to read with line ends. */
function readable(text) {
    try {
        const value = JSON.parse(text);
        return typeof value === 'object' ? JSON.stringify(value, null, 2) : text;
    } catch {
        return text;
    }
}

function shown(message) {
    const {payload, payload_encoding: encoding, payload_bytes: size} = message;
    return h(
        'div',
        {},
        h(
            'p',
            {class: 'help'},
            `${bytes(size)}, ${encoding === 'base64' ? 'not text: shown as base64' : 'text'}`,
        ),
        h(
            'pre',
            {tabindex: 0, 'aria-label': 'Payload'},
            encoding === 'base64' ? payload : readable(payload),
        ),
    );
}

function card(message, number) {
    const {headers, ...properties} = message.properties ?? {};
    return h(
        'li',
        {},
        h(
            'h3',
            {},
            `Message ${number}`,
            message.redelivered && h('span', {class: 'mark'}, 'redelivered'),
        ),
        h(
            'p',
            {},
            'published to ',
            h('b', {}, exchangeName(message.exchange)),
            ' with key ',
            h('code', {}, message.routing_key),
        ),
        argumentsText(properties),
        headers && [h('h4', {}, 'Headers'), argumentsText(headers)],
        shown(message),
    );
}

const MODES = [
    ['ack_requeue_true', 'put back'],
    ['ack_requeue_false', 'taken out for good'],
    ['reject_requeue_true', 'rejected and put back'],
    ['reject_requeue_false', 'rejected: dead-lettered, or lost'],
];

/* The form and, below it, what it got: a thing with a life of its own, untouched by refreshes. */
export function getForm({vhost, name}) {
    const results = h('ol', {
        class: 'messages',
        keep: `got ${name}`,
        'aria-live': 'polite',
        'aria-label': 'Messages that were got',
    });

    async function fetchMessages({number, mode, encoding}) {
        const got = await post(path`/queues/${vhost}/${name}/get`, {
            count: number ?? 1,
            ackmode: mode,
            encoding,
            truncate: 50000,
        });
        results.replaceChildren(...got.map((message, i) => card(message, i + 1)));
        tell(
            got.length
                ? `Got ${count(got.length)}; ${count(got.at(-1).message_count)} more are ready.`
                : 'The queue is empty.',
        );
        await page.refresh();
    }

    return fold(
        'Get messages',
        form({
            name: `get ${name}`,
            submit: 'Get',
            stay: true,
            fields: [
                {
                    name: 'number',
                    label: 'How many',
                    type: 'number',
                    value: 1,
                    min: 1,
                    max: 1000,
                    required: true,
                },
                {name: 'mode', label: 'Afterwards they are', type: 'select', options: MODES},
                {
                    name: 'encoding',
                    label: 'Payload',
                    type: 'select',
                    options: [
                        ['auto', 'as text where it is text'],
                        ['base64', 'as base64'],
                    ],
                },
            ],
            onsubmit: fetchMessages,
        }),
        results,
    );
}
