import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root folder of the checkout. */
export const repositoryDir = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** Screenshots and logs for people; git-ignored. */
export const artifactsDir = join(repositoryDir, 'test-artifacts');
