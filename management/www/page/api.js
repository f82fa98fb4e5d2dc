/* SPDX-License-Identifier: Apache-2.0 */
/* Talking to the HTTP API: paths out of names, JSON both ways, failures as ApiError. */
import {authorization, expire} from './session.js';

export class ApiError extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

function segment(name) {
    if (name === '.' || name === '..')
        throw new ApiError(0, `Browsers can't address what is named “${name}”; bilbyctl can.`);
    return encodeURIComponent(name);
}

/* path`/queues/${vhost}/${name}`: names are quoted as the API wants them. */
export function path(texts, ...names) {
    return texts.reduce((all, text, i) => all + segment(names[i - 1]) + text);
}

/* Appends a query of what is neither null nor ''. */
export function withQuery(target, values) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(values))
        if (value !== null && value !== undefined && value !== '') query.set(name, value);
    const text = query.toString();
    return text ? `${target}?${text}` : target;
}

/* What the answer says was wrong. RabbitMQ's form: {"error": …, "reason": text or terms}. */
function reasonOf(status, text) {
    try {
        const {reason, error} = JSON.parse(text);
        return typeof reason === 'string' ? reason : `${error}: ${JSON.stringify(reason)}`;
    } catch {
        return text.trim() || `The broker answered with status ${status}.`;
    }
}

async function request(method, target, body, headers, login) {
    let response;
    try {
        response = await fetch(`/api${target}`, {
            method,
            headers: {
                'X-Requested-With': 'bilby',
                ...(login && {Authorization: login}),
                ...(body !== undefined && {'Content-Type': 'application/json'}),
                ...headers,
            },
            body: body === undefined ? undefined : JSON.stringify(body),
            credentials: 'omit',
            cache: 'no-store',
        });
    } catch {
        throw new ApiError(0, 'The broker can’t be reached.');
    }
    const text = await response.text();
    if (response.ok) return text ? JSON.parse(text) : null;
    throw new ApiError(response.status, reasonOf(response.status, text));
}

/* As the user who is signed in. When the broker no longer knows him, the sign-in form comes back. */
async function ask(method, target, body, headers) {
    try {
        return await request(method, target, body, headers, authorization());
    } catch (error) {
        if (error.status === 401 && error.message === 'Not_Authorized') expire();
        throw error;
    }
}

export const get = target => ask('GET', target);
export const put = (target, body) => ask('PUT', target, body);
export const post = (target, body) => ask('POST', target, body);
export const remove = (target, headers) => ask('DELETE', target, undefined, headers);
/* With credentials that are still to be proved. */
export const getAs = (login, target) => request('GET', target, undefined, {}, login);

/* The answer, or null when there is no such thing (any more). */
export async function getOrNull(target) {
    try {
        return await get(target);
    } catch (error) {
        if (error.status === 404) return null;
        throw error;
    }
}
