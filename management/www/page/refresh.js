/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the broker again every few seconds.
 *
 * (1) The next look is due `seconds` after the end of the last one that was begun.
 * (2) While the tab is hidden nothing is asked; when it is shown again, at once.
 */
import {choose, setting} from './settings.js';

export const INTERVALS = [
    ['2', '2 s'],
    ['5', '5 s'],
    ['15', '15 s'],
    ['60', '1 min'],
    ['0', 'off'],
];

export class Refresher {
    #look;
    #wanted;
    #timer = null;
    #looks = 0;

    /* `look` is an async function that doesn't fail; `wanted` tells whether it is to be called again
     * without being asked. */
    constructor(look, wanted) {
        this.#look = look;
        this.#wanted = wanted;
        document.addEventListener('visibilitychange', () => {
            if (document.hidden) this.stop();
            else if (this.#wanted()) this.now();
        });
    }

    get seconds() {
        return setting('refresh', '5');
    }

    set seconds(value) {
        choose('refresh', value);
        this.#schedule();
    }

    stop() {
        clearTimeout(this.#timer);
        this.#timer = null;
    }

    async now() {
        this.stop();
        this.#looks += 1;
        const mine = this.#looks;
        await this.#look();
        if (mine === this.#looks) this.#schedule();
    }

    #schedule() {
        const ms = Number(this.seconds) * 1000;
        this.stop();
        if (ms > 0 && !document.hidden && this.#wanted())
            this.#timer = setTimeout(() => this.now(), ms);
    }
}
