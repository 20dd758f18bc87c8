/**
 * The engine's timers as pure data: what runs in a turn and in which order. No clock, no waiting.
 *
 * A turn runs callbacks and loops in the order in which they were set, then what is due, earliest deadline
 * first and ties in the order in which they were set. What is set during a turn runs in a later one.
 * Setting and cancelling cost O(log n): deadlines stand in a binary heap, and each timer knows its place.
 */

/** Not in the heap: a loop, or a timer that is running, cancelled or done. */
const NOWHERE = -1;
/** A callback that waits for the next turn. */
const NEXT_TURN = -2;

/** A Timer is one scheduled call. Its owner is the queue that made it. */
export interface Timer {
  readonly run: () => void;
  /** Milliseconds between two runs of a cycle, 0 for the rest. */
  readonly interval: number;
  readonly isLoop: boolean;
  deadline: number;
  /** Order among equal deadlines. */
  sequence: number;
  place: number;
  cancelled: boolean;
}

export class TimerQueue {
  #turn: Timer[] = [];
  readonly #heap: Timer[] = [];
  #sequence = 0;
  #loops = 0;
  #callbacks = 0;

  /** Callbacks waiting for the next turn. */
  get callbacks(): number {
    return this.#callbacks;
  }

  /** Loops that run every turn. */
  get loops(): number {
    return this.#loops;
  }

  /** The nearest deadline, or null without one. */
  get nextDeadline(): number | null {
    return this.#heap[0]?.deadline ?? null;
  }

  /** Everything that is still to run. */
  get size(): number {
    return this.#callbacks + this.#loops + this.#heap.length;
  }

  callback(run: () => void): Timer {
    this.#callbacks++;
    const timer = this.#add(run, false);
    timer.place = NEXT_TURN;
    return timer;
  }

  loop(run: () => void): Timer {
    this.#loops++;
    return this.#add(run, true);
  }

  #add(run: () => void, isLoop: boolean): Timer {
    const timer = { run, interval: 0, isLoop, deadline: 0, sequence: 0, place: NOWHERE, cancelled: false };
    this.#turn.push(timer);
    return timer;
  }

  /** Runs once at `deadline`, or again each `interval` after it when that is above 0. */
  at(deadline: number, run: () => void, interval = 0): Timer {
    const timer = { run, interval, isLoop: false, deadline, sequence: 0, place: NOWHERE, cancelled: false };
    this.#insert(timer);
    return timer;
  }

  /** Cancels this timer and no other; without effect on one that is cancelled or done. */
  cancel(timer: Timer): void {
    if (timer.cancelled) return;
    timer.cancelled = true;
    if (timer.isLoop) this.#loops--;
    else if (timer.place === NEXT_TURN) this.#callbacks--;
    else if (timer.place !== NOWHERE) this.#removeAt(timer.place);
    // With nothing left to run no turn would come to let go of what is cancelled.
    if (this.#loops + this.#callbacks === 0) this.#turn = [];
  }

  /** Runs one turn. A call that throws is handed to `report` and stops nothing. */
  run(now: number, report: (error: unknown) => void): void {
    // Both lists are taken before anything runs: what a call sets waits for a later turn.
    const turn = this.#turn;
    this.#turn = [];
    const due = this.#takeDue(now);
    for (const timer of turn) {
      // Looked at right before the call: an earlier one of this turn may have cancelled it.
      if (timer.cancelled) continue;
      if (timer.isLoop) {
        this.#turn.push(timer);
      } else {
        timer.place = NOWHERE;
        this.#callbacks--;
      }
      attempt(timer, report);
    }
    for (const timer of due) {
      if (timer.cancelled) continue;
      attempt(timer, report);
      if (timer.interval > 0 && !timer.cancelled) {
        timer.deadline = nextBeat(timer, now);
        this.#insert(timer);
      }
    }
  }

  #takeDue(now: number): Timer[] {
    const due: Timer[] = [];
    for (let timer = this.#heap[0]; timer && timer.deadline <= now; timer = this.#heap[0]) {
      this.#removeAt(0);
      due.push(timer);
    }
    return due;
  }

  #insert(timer: Timer): void {
    timer.sequence = ++this.#sequence;
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1, timer);
  }

  #removeAt(place: number): void {
    const heap = this.#heap;
    const removed = heap[place];
    const last = heap.pop();
    if (removed) removed.place = NOWHERE;
    if (last === undefined || last === removed) return;
    this.#sink(place, last);
    this.#rise(last.place, last);
  }

  #rise(from: number, timer: Timer): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const up = (place - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !isBefore(timer, parent)) break;
      heap[place] = parent;
      parent.place = place;
      place = up;
    }
    heap[place] = timer;
    timer.place = place;
  }

  #sink(from: number, timer: Timer): void {
    const heap = this.#heap;
    let place = from;
    for (;;) {
      let down = 2 * place + 1;
      let child = heap[down];
      const right = heap[down + 1];
      if (child && right && isBefore(right, child)) {
        child = right;
        down++;
      }
      if (child === undefined || !isBefore(child, timer)) break;
      heap[place] = child;
      child.place = place;
      place = down;
    }
    heap[place] = timer;
    timer.place = place;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.sequence < b.sequence);
}

function attempt(timer: Timer, report: (error: unknown) => void): void {
  try {
    timer.run();
  } catch (error) {
    report(error);
  }
}

/** The next beat after `now` on the cycle's own grid: it does not drift, and missed beats are not made up for. */
function nextBeat(timer: Timer, now: number): number {
  const missed = Math.floor((now - timer.deadline) / timer.interval);
  const next = timer.deadline + (missed + 1) * timer.interval;
  return next > now ? next : next + timer.interval;
}
