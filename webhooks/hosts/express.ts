/** The webhook as an express app, for every other host of these: `import { app } from '…/express'`, then `serve(app())`. */
import type { Express } from 'express';
import { environment } from '../../runtime/config.ts';
import { createApp } from '../app.ts';
import { lazyFunction } from './function.ts';

const webhook = lazyFunction(environment());
let made: Express | undefined;

/** The app, made at the first call from the environment that `function --help` lists. */
export function app(): Express {
  made ??= createApp(webhook().appDeps);
  return made;
}
