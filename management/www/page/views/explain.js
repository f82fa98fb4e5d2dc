/* SPDX-License-Identifier: Apache-2.0 */
/* "Where would this message go?": the form, and the broker's answer in sentences. Nothing is
 * published. */
import {get, path, withQuery} from '../api.js';
import {h} from '../dom.js';
import {form} from '../form.js';
import {count, exchangeName} from '../format.js';
import {exchangeLink, queueLink} from '../page.js';
import {argumentsText} from '../table.js';

function step(vhost, binding) {
    const to =
        binding.destination_type === 'queue'
            ? queueLink(vhost, binding.destination)
            : exchangeLink(vhost, binding.destination);
    return h(
        'li',
        {},
        exchangeLink(vhost, binding.source),
        ' → ',
        to,
        ' by the key ',
        h('code', {}, binding.routing_key || '(empty)'),
        argumentsText(binding.arguments),
    );
}

function reachedQueue(vhost, queue) {
    return h(
        'li',
        {},
        h('h4', {}, 'Queue ', queueLink(vhost, queue.name)),
        h(
            'p',
            {class: 'help'},
            `${count(queue.messages)} messages, ${count(queue.consumers)} consumers`,
        ),
        h(
            'ol',
            {},
            queue.path.map(binding => step(vhost, binding)),
        ),
        queue.then.length > 0 && [
            h('p', {}, 'And then:'),
            h(
                'ul',
                {},
                queue.then.map(text => h('li', {}, text)),
            ),
        ],
    );
}

function near(vhost, binding) {
    return h(
        'li',
        {},
        h('code', {}, binding.routing_key || '(empty)'),
        ` to ${binding.destination}: ${binding.reason}`,
        argumentsText(binding.arguments),
    );
}

function visited(vhost, exchange) {
    const {
        matched_count: matched,
        near: missed,
        alternate_exchange: alternate,
        alternate_used: used,
    } = exchange;
    return h(
        'li',
        {},
        h(
            'h4',
            {},
            exchangeLink(vhost, exchange.name),
            ` (${exchange.type})`,
            exchange.reached_by === 'alternate' && ', as an alternate exchange',
        ),
        h(
            'p',
            {},
            `${count(matched)} of ${count(exchange.bindings)} bindings match.`,
            alternate &&
                ` Its alternate exchange ${exchangeName(alternate)} is ${used ? '' : 'not '}asked.`,
        ),
        missed.length > 0 &&
            h(
                'details',
                {open: matched === 0},
                h('summary', {}, 'What nearly matched, and why it did not'),
                h(
                    'ul',
                    {},
                    missed.map(binding => near(vhost, binding)),
                ),
            ),
    );
}

function answerOf(vhost, answer) {
    return h(
        'div',
        {},
        h('p', {class: answer.routed ? 'outcome' : 'outcome none'}, answer.outcome),
        answer.queue_count > answer.queues.length &&
            h(
                'p',
                {class: 'help'},
                `The first ${count(answer.queues.length)} of ${count(answer.queue_count)} queues.`,
            ),
        h(
            'ul',
            {class: 'explained'},
            answer.queues.map(queue => reachedQueue(vhost, queue)),
        ),
        h('h3', {}, 'Exchanges on the way'),
        h(
            'ul',
            {class: 'explained'},
            answer.exchanges.map(exchange => visited(vhost, exchange)),
        ),
    );
}

/* `id` is the exchange's name in paths. */
export function explainForm({vhost, id}) {
    const result = h('div', {keep: `explained ${vhost} ${id}`, 'aria-live': 'polite'});

    async function explain({key, headers, properties}) {
        const some = table => (Object.keys(table).length ? JSON.stringify(table) : '');
        const answer = await get(
            withQuery(path`/exchanges/${vhost}/${id}/explain`, {
                routing_key: key,
                headers: some(headers),
                properties: some(properties),
            }),
        );
        result.replaceChildren(answerOf(vhost, answer));
    }

    return [
        h(
            'p',
            {class: 'help'},
            'Which queues would get a message, by which bindings, and what happens then. Nothing is published.',
        ),
        form({
            name: `explain ${id}`,
            submit: 'Explain',
            stay: true,
            fields: [
                {name: 'key', label: 'Routing key'},
                {name: 'headers', label: 'Headers', type: 'arguments'},
                {
                    name: 'properties',
                    label: 'Properties',
                    type: 'arguments',
                    known: [
                        ['expiration', 'string'],
                        ['priority', 'number'],
                        ['delivery_mode', 'number'],
                    ],
                },
            ],
            onsubmit: explain,
        }),
        result,
    ];
}
