/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, sizes, times and names as people read them. */
const plain = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const short = new Intl.NumberFormat('en', {maximumSignificantDigits: 3});

/* 12,345 */
export function count(number) {
    return Number.isFinite(number) ? plain.format(number) : '–';
}

const STEPS = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
];

/* 12.3k */
export function brief(number) {
    for (const [size, letter] of STEPS)
        if (Math.abs(number) >= size) return short.format(number / size) + letter;
    return short.format(number);
}

/* 12.3k/s */
export function rate(number) {
    if (!Number.isFinite(number)) return '–';
    return `${Math.abs(number) < 10 ? Number(number.toFixed(1)) : brief(number)}/s`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(number) {
    if (!Number.isFinite(number)) return '–';
    let unit = 0;
    while (Math.abs(number) >= 1024 && unit < UNITS.length - 1) {
        number /= 1024;
        unit += 1;
    }
    return `${short.format(number)} ${UNITS[unit]}`;
}

/* 3d 4h, 12 min … of milliseconds */
export function duration(ms) {
    const seconds = Math.floor(ms / 1000);
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 86400)
        return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
    return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export function microseconds(number) {
    return number < 1000 ? `${short.format(number)} µs` : `${short.format(number / 1000)} ms`;
}

const clock = new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
});
export const time = ms => clock.format(ms);
export const dateTime = ms => new Date(ms).toLocaleString('en-GB');

/* The default exchange has no name. */
export const exchangeName = name => (name === '' ? '(default)' : name);
/* And this is what paths call it. */
export const exchangeId = name => (name === '' ? 'amq.default' : name);

/* A value of a table: short, on one line. */
export function value(it) {
    return typeof it === 'string' ? it : JSON.stringify(it);
}
