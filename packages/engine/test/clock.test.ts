import { expect } from 'chai';
import { systemClock } from '#src/clock';

describe('systemClock', () => {
  it('tells monotonic time and the date', () => {
    const before = [systemClock.now(), Date.now()];
    expect(systemClock.now()).to.be.at.least(before[0] ?? 0);
    expect(systemClock.date()).to.be.at.least(before[1] ?? 0);
  });

  it('wakes once, unless it is cancelled', async () => {
    const woken: string[] = [];
    const note = (name: string) => () => {
      woken.push(name);
    };
    systemClock.after(1, note('never'))();
    systemClock.soon(note('never'))();
    systemClock.soon(note('soon'));
    await new Promise<void>((resolve) => {
      // The process is held by mocha, not by this.
      systemClock.after(2.5, () => {
        note('after')();
        resolve();
      });
    });
    expect(woken).to.deep.equal(['soon', 'after']);
  });

  it('takes waits that setTimeout would turn into one millisecond', async () => {
    let isWoken = false;
    const cancel = systemClock.after(2 ** 40, () => {
      isWoken = true;
    });
    await new Promise<void>((resolve) => systemClock.after(3, resolve));
    expect(isWoken).to.equal(false);
    cancel();
  });
});
