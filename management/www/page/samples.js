/* SPDX-License-Identifier: Apache-2.0 */
/* Series for plots out of the samples in the API's answers. */

/* The ranges that the broker keeps: seconds back, seconds between samples. */
export const RANGES = {
    minute: {label: 'Last minute', age: 60, step: 5},
    ten: {label: 'Last ten minutes', age: 600, step: 5},
    hour: {label: 'Last hour', age: 3600, step: 60},
    eight: {label: 'Last eight hours', age: 28800, step: 600},
    day: {label: 'Last day', age: 86400, step: 1800},
};

/* The query's parameters for these groups of numbers: lengths, msg_rates, data_rates, node_stats. */
export function samplesQuery(range, ...groups) {
    const {age, step} = RANGES[range] ?? RANGES.minute;
    return Object.fromEntries(
        groups.flatMap(group => [
            [`${group}_age`, age],
            [`${group}_incr`, step],
        ]),
    );
}

function samplesOf(object, name) {
    const samples = object?.[`${name}_details`]?.samples ?? [];
    return samples.map(({timestamp, sample}) => ({at: timestamp, value: sample})).reverse();
}

/* The number itself over time. */
export function level(label, color, object, name) {
    return {label, color, points: samplesOf(object, name)};
}

/* How fast it grew, a second: one point less than there are samples. */
export function growth(label, color, object, name) {
    const samples = samplesOf(object, name);
    const points = samples.slice(1).map(({at, value}, i) => ({
        at,
        value: Math.max(0, ((value - samples[i].value) * 1000) / (at - samples[i].at)),
    }));
    return {label, color, points};
}

/* The rate that the API tells. */
export function rateOf(object, name) {
    return object?.[`${name}_details`]?.rate ?? 0;
}
