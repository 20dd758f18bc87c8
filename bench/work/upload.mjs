import { uploadWork } from '../lib/upload-work.mjs';

export const upload = uploadWork({
  name: 'upload',
  app: 'upload',
  servers: ['inseam', 'node-http'],
  baseline: 'node-http',
  mebibytes: 64,
});
