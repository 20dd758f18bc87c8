import { expect } from 'chai';
import fc from 'fast-check';
import { type Timer, TimerQueue } from '#src/timer-queue';
import { collectGarbage } from './support/collect-garbage.js';
import { settled } from './support/test-engine.js';

/** A queue whose timers write their names into `ran`. */
function namedQueue() {
  const queue = new TimerQueue();
  const ran: string[] = [];
  const errors: unknown[] = [];
  const note = (name: string) => () => {
    ran.push(name);
  };
  const turn = (now: number) => {
    queue.run(now, (error) => errors.push(error));
    return ran.splice(0);
  };
  return { queue, note, turn, ran, errors };
}

describe('TimerQueue', () => {
  describe('order of one turn', () => {
    it('runs callbacks and loops in the order in which they were set, then what is due', () => {
      const { queue, note, turn } = namedQueue();
      queue.at(5, note('due'));
      queue.callback(note('callback 1'));
      queue.loop(note('loop'));
      queue.callback(note('callback 2'));
      expect(turn(10)).to.deep.equal(['callback 1', 'loop', 'callback 2', 'due']);
      expect(turn(20)).to.deep.equal(['loop']);
    });

    it('runs what is due by deadline, ties in the order in which they were set', () => {
      const { queue, note, turn } = namedQueue();
      for (const [name, deadline] of [
        ['c', 3],
        ['a1', 1],
        ['b', 2],
        ['a2', 1],
        ['a3', 1],
        ['late', 4],
      ] as const) {
        queue.at(deadline, note(name));
      }
      expect(turn(3)).to.deep.equal(['a1', 'a2', 'a3', 'b', 'c']);
      expect(turn(3.9)).to.deep.equal([]);
      expect(turn(4)).to.deep.equal(['late']);
    });

    it('keeps loops in their order from turn to turn', () => {
      const { queue, note, turn } = namedQueue();
      for (const name of ['a', 'b', 'c']) queue.loop(note(name));
      for (let i = 0; i < 3; i++) expect(turn(0)).to.deep.equal(['a', 'b', 'c']);
    });

    it('keeps a loop before callbacks that are set after it', () => {
      const { queue, note, turn } = namedQueue();
      queue.loop(note('loop'));
      turn(0);
      queue.callback(note('callback'));
      expect(turn(0)).to.deep.equal(['loop', 'callback']);
    });
  });

  describe('what is set during a turn runs in a later one', () => {
    for (const kind of ['callback', 'loop', 'at'] as const) {
      it(`${kind}, set by a callback, a loop and a deferred`, () => {
        const { queue, note, turn } = namedQueue();
        const set = () => {
          if (kind === 'at') queue.at(0, note('new'));
          else queue[kind](note('new'));
        };
        queue.callback(set);
        const loop = queue.loop(() => {
          set();
          queue.cancel(loop);
        });
        queue.at(0, set);
        expect(turn(1)).to.deep.equal([]);
        expect(turn(1)).to.deep.equal(['new', 'new', 'new']);
      });
    }

    it('does not hold up what was due before', () => {
      const { queue, note, turn } = namedQueue();
      queue.at(1, () => queue.at(0, note('new')));
      queue.at(2, note('old'));
      expect(turn(3)).to.deep.equal(['old']);
      expect(turn(3)).to.deep.equal(['new']);
    });
  });

  describe('cancel', () => {
    it('cancels that timer and no other, among equals', () => {
      const { queue, note, turn } = namedQueue();
      const make: ((name: string) => Timer)[] = [
        (name) => queue.callback(note(name)),
        (name) => queue.loop(note(name)),
        (name) => queue.at(1, note(name)),
      ];
      for (const of of make) {
        const [, second] = ['1', '2', '3'].map(of);
        if (second) queue.cancel(second);
      }
      expect(turn(1)).to.deep.equal(['1', '3', '1', '3', '1', '3']);
    });

    it('stops a loop and a cycle from inside their own function', () => {
      const { queue, ran, turn } = namedQueue();
      const loop = queue.loop(() => {
        ran.push('loop');
        queue.cancel(loop);
      });
      const cycle = queue.at(
        1,
        () => {
          ran.push('cycle');
          queue.cancel(cycle);
        },
        1,
      );
      expect(turn(1)).to.deep.equal(['loop', 'cycle']);
      expect([queue.size, queue.nextDeadline]).to.deep.equal([0, null]);
      expect(turn(2)).to.deep.equal([]);
      expect(queue.size).to.equal(0);
    });

    it('keeps the order where the last of the heap belongs above the cancelled one', () => {
      const { queue, note, turn } = namedQueue();
      const timers = [0, 10, 1, 11, 12, 20, 3].map((deadline) => queue.at(deadline, note(String(deadline))));
      const [, , , eleven] = timers;
      if (eleven) queue.cancel(eleven);
      expect(turn(20)).to.deep.equal(['0', '1', '3', '10', '12', '20']);
    });

    it('takes effect on what is still to run in the same turn', () => {
      const { queue, note, turn } = namedQueue();
      const victims: Timer[] = [];
      queue.callback(() => {
        for (const victim of victims) queue.cancel(victim);
      });
      victims.push(queue.callback(note('callback')), queue.loop(note('loop')), queue.at(1, note('deferred')));
      queue.at(0, () => queue.cancel(last));
      const last = queue.at(1, note('last'));
      expect(turn(1)).to.deep.equal([]);
      expect(queue.size).to.equal(0);
    });

    it('has no effect on one that is done or cancelled, and leaves the counts right', () => {
      const { queue, note, turn } = namedQueue();
      const done = [queue.callback(note('callback')), queue.at(1, note('deferred'))];
      const loop = queue.loop(note('loop'));
      turn(1);
      queue.cancel(loop);
      for (const timer of [...done, loop]) queue.cancel(timer);
      expect([queue.callbacks, queue.loops, queue.size]).to.deep.equal([0, 0, 0]);
      queue.callback(note('next'));
      expect(queue.callbacks).to.equal(1);
      expect(turn(2)).to.deep.equal(['next']);
    });

    it('lets go of a cancelled callback though no turn comes', async () => {
      const { queue } = namedQueue();
      const setAndCancel = () => {
        const run = () => {};
        queue.cancel(queue.callback(run));
        return new WeakRef(run);
      };
      const ref = setAndCancel();
      await settled();
      collectGarbage();
      expect(ref.deref()).to.equal(undefined);
      expect(queue.size).to.equal(0);
    });
  });

  it('hands a throw to `report` and goes on; a loop and a cycle that throw stay', () => {
    const { queue, note, turn, errors } = namedQueue();
    const fail = () => {
      throw new Error('x');
    };
    queue.callback(fail);
    queue.loop(fail);
    queue.at(1, fail, 1);
    queue.callback(note('callback'));
    queue.at(1, note('deferred'));
    expect(turn(1)).to.deep.equal(['callback', 'deferred']);
    expect(errors).to.have.length(3);
    turn(2);
    expect(errors).to.have.length(5);
  });

  describe('cycle', () => {
    it('stays on its own grid however late the turns are', () => {
      const { queue, note, turn } = namedQueue();
      queue.at(10, note('beat'), 10);
      const ran = [13, 19, 21, 39.5, 40].map((now) => turn(now).length);
      expect(ran).to.deep.equal([1, 0, 1, 1, 1]);
      expect(queue.nextDeadline).to.equal(50);
    });

    it('runs once after a stall, and drops the beats that were missed', () => {
      const { queue, note, turn } = namedQueue();
      queue.at(10, note('beat'), 10);
      expect(turn(1005)).to.deep.equal(['beat']);
      expect(turn(1005)).to.deep.equal([]);
      expect(queue.nextDeadline).to.equal(1010);
    });

    it('is not due again at once where rounding puts the next beat at this moment', () => {
      const { queue, note, turn } = namedQueue();
      const interval = 5.0196585307719355;
      queue.at(interval, note('beat'), interval);
      const now = interval + 219_695 * interval;
      turn(now);
      expect(queue.nextDeadline).to.be.greaterThan(now);
    });

    it('is never due again at the same moment, whatever the interval', () => {
      fc.assert(
        fc.property(
          fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
          fc.double({ min: 0, max: 1e9, noNaN: true }),
          (interval, late) => {
            const { queue, note, turn } = namedQueue();
            queue.at(interval, note('beat'), interval);
            const now = interval + late;
            expect(turn(now)).to.deep.equal(['beat']);
            expect(queue.nextDeadline).to.be.greaterThan(now);
            expect(queue.nextDeadline).to.be.at.most(now + 2 * interval);
          },
        ),
      );
    });
  });

  it('behaves as a sorted list does, for any order of setting, cancelling and running', () => {
    const step = fc.oneof(
      fc.record({ set: fc.integer({ min: 0, max: 20 }) }),
      fc.record({ cancel: fc.nat(50) }),
      fc.record({ run: fc.integer({ min: 0, max: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { queue, note, turn } = namedQueue();
        const timers: { timer: Timer; name: string; deadline: number; live: boolean }[] = [];
        for (const step of steps) {
          if ('set' in step) {
            const name = String(timers.length);
            timers.push({ timer: queue.at(step.set, note(name)), name, deadline: step.set, live: true });
          } else if ('cancel' in step) {
            const victim = timers[step.cancel];
            if (victim === undefined) continue;
            queue.cancel(victim.timer);
            victim.live = false;
          } else {
            const due = timers.filter((entry) => entry.live && entry.deadline <= step.run);
            for (const entry of due) entry.live = false;
            const names = due.sort((a, b) => a.deadline - b.deadline).map((entry) => entry.name);
            expect(turn(step.run)).to.deep.equal(names);
          }
          const live = timers.filter((entry) => entry.live).map((entry) => entry.deadline);
          expect(queue.size).to.equal(live.length);
          expect(queue.nextDeadline).to.equal(live.length === 0 ? null : Math.min(...live));
        }
      }),
    );
  });

  it('needs O(log n) comparisons for each of ten thousand timers set, cancelled and run', () => {
    let looks = 0;
    // A deadline that counts how often it is looked at; two looks are one comparison.
    const counted = (value: number) =>
      ({
        valueOf() {
          looks++;
          return value;
        },
      }) as unknown as number;
    const { queue, note, turn } = namedQueue();
    const n = 10_000;
    const perOperation = 2 * (3 * Math.ceil(Math.log2(n)) + 2);
    const cost = (work: () => void) => {
      looks = 0;
      work();
      return looks / n;
    };
    const timers: Timer[] = [];
    expect(
      cost(() => {
        // Always the earliest so far: the dearest way to fill a heap.
        for (let i = n; i > 0; i--) timers.push(queue.at(counted(i), note('x')));
      }),
    ).to.be.lessThan(perOperation);
    expect(
      cost(() => {
        for (let i = 0; i < n; i += 2) queue.cancel(timers[(i * 7919) % n] as Timer);
      }),
    ).to.be.lessThan(perOperation);
    expect(cost(() => turn(n))).to.be.lessThan(perOperation);
    expect(queue.size).to.equal(0);
  });
});
