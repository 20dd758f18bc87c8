import {
  ENGINE_ERRORS,
  type EngineErrorCode,
  InseamError,
  ProtocolError,
  TransportError,
  UsageError,
} from '@inseam/engine';
import { protocolError, transportError, usageError } from '@inseam/engine/errors';
import { expect } from 'chai';

describe('errors', () => {
  it('have one class for each reaction', () => {
    for (const Class of [UsageError, TransportError, ProtocolError]) {
      expect(Class.prototype).to.be.instanceOf(InseamError);
    }
    expect(new InseamError('C', 'm')).to.be.instanceOf(Error);
  });

  it('take their text from the table, with the detail in brackets', () => {
    const error = usageError('ENGINE_TIMER_DELAY', '-1');
    expect(error).to.be.instanceOf(UsageError);
    expect([error.name, error.code]).to.deep.equal(['UsageError', 'ENGINE_TIMER_DELAY']);
    expect(error.message).to.equal(`${ENGINE_ERRORS.ENGINE_TIMER_DELAY.message} (-1)`);
    expect(usageError('ENGINE_FUNCTION').message).to.equal(ENGINE_ERRORS.ENGINE_FUNCTION.message);
  });

  it("carry the system's error as their cause", () => {
    const cause = new Error('ECONNREFUSED');
    const error = transportError('ENGINE_CONNECT_FAILED', cause);
    expect(error).to.be.instanceOf(TransportError);
    expect(error.cause).to.equal(cause);
    expect(error.phase).to.equal('connect');
    expect(error.message).to.equal('could not connect (ECONNREFUSED)');
    expect(transportError('ENGINE_CONNECT_FAILED')).not.to.have.property('cause');
  });

  it('a ProtocolError names its section where a document has one', () => {
    expect(protocolError('ENGINE_BUFFER_OVERFLOW')).to.be.instanceOf(ProtocolError);
    expect(protocolError('ENGINE_BUFFER_OVERFLOW').section).to.equal(undefined);
    expect(new ProtocolError('C', 'm', 'RFC 9112 §7.1').section).to.equal('RFC 9112 §7.1');
  });

  it('a subclass has its own name', () => {
    class MineError extends UsageError {}
    expect(new MineError('C', 'm').name).to.equal('MineError');
  });

  it('the table is frozen, and every code is ours and has a message', () => {
    expect(Object.isFrozen(ENGINE_ERRORS)).to.equal(true);
    for (const code of Object.keys(ENGINE_ERRORS) as EngineErrorCode[]) {
      expect(code).to.match(/^ENGINE_[A-Z_]+$/);
      expect(ENGINE_ERRORS[code].message).to.match(/^[a-z\d].*[^.]$/i);
    }
  });
});
