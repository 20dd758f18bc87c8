/** The parts of this package that can be replaced: `container.register(MimeTypes, { useValue: mine })`. */
import { container } from '@inseam/engine';
import { TempStore } from './content/temp-store.js';
import { MimeTypes } from './files/mime-types.js';

container.register(MimeTypes, { useValue: new MimeTypes() });
container.register(TempStore, { useValue: new TempStore() });

export { container };
