/** A jest transformer on Node's own type stripping, so that tests run the very text that programs run. */
import { createHash } from 'node:crypto';
import { stripTypeScriptTypes } from 'node:module';

export default {
  canInstrument: false,
  getCacheKey: (source, path, options) =>
    createHash('sha256').update(process.version).update(options.configString).update(path).update(source).digest('hex'),
  process: (source) => ({ code: stripTypeScriptTypes(source, { mode: 'strip' }) }),
};
