/**
 * The wiring, all of it: which part stands for which name unless somebody registers another.
 *
 *     container.register(Logger, { useValue: myLogger });
 *
 * Nothing is looked up for a request or a connection: an Engine and a Server ask once, when they are made.
 */
import 'reflect-metadata';
import { type DependencyContainer, instanceCachingFactory, container as root } from 'tsyringe';
import { Clock, systemClock } from './clock.js';
import { Logger, stderrLogger } from './logger.js';
import { Resolver, systemResolver } from './resolver.js';

/** The project's container. A child of it (`container.createChildContainer()`) replaces parts for one server only. */
export const container: DependencyContainer = root.createChildContainer();

container.register(Clock, { useValue: systemClock });
container.register(Logger, { useValue: stderrLogger });
container.register(Resolver, { useValue: systemResolver });

export { type DependencyContainer, instanceCachingFactory };
