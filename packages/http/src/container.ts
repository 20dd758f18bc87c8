/** The parts of this package that can be replaced: `container.register(MimeTypes, { useValue: mine })`. */
import { container } from '@inseam/engine';
import { MimeTypes } from './files/mime-types.js';

container.register(MimeTypes, { useValue: new MimeTypes() });

export { container };
