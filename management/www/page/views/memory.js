/* SPDX-License-Identifier: Apache-2.0 */
/* Where the node's memory is, largest part first. */
import {get, path} from '../api.js';
import {bytes} from '../format.js';
import {section} from '../page.js';
import {table} from '../table.js';

/* What the API's names, which are RabbitMQ's, mean here. */
const MEANINGS = {
    connection_readers: 'connections, what comes in',
    connection_writers: 'connections, what goes out',
    connection_channels: 'channels',
    connection_other: 'connections, the rest',
    queue_procs: 'queues and their indexes',
    quorum_queue_procs: 'quorum queues',
    binary: 'message bodies',
    mnesia: 'users, exchanges, bindings',
    msg_index: 'index of messages',
    mgmt_db: 'samples of the management',
    metrics: 'metrics',
    plugins: 'management',
    code: 'program and libraries',
    allocated_unused: 'allocated, not in use',
    reserved_unallocated: 'reserved, not allocated',
    other_system: 'the rest',
};

export async function loadMemory(node) {
    return (await get(path`/nodes/${node}/memory`)).memory;
}

export function memoryPart(memory) {
    const parts = Object.entries(memory)
        .filter(([, size]) => typeof size === 'number' && size > 0)
        .map(([name, size]) => ({name, size}))
        .sort((a, b) => b.size - a.size);
    const total = parts.reduce((sum, {size}) => sum + size, 0);
    return section(
        'Where the memory is',
        table({
            caption: 'Parts of the memory',
            rows: parts,
            id: row => row.name,
            columns: [
                {title: 'Part', cell: row => MEANINGS[row.name] ?? row.name.replaceAll('_', ' ')},
                {title: 'Size', kind: 'n', cell: row => bytes(row.size)},
                {
                    title: 'Share',
                    kind: 'n',
                    cell: row => `${Math.round((row.size * 100) / total)} %`,
                },
            ],
        }),
    );
}
