import './lean-memory.ts';
import { CommanderError } from 'commander';
import { messageOf } from '../core/message-of.ts';
import { addAccountCommands } from './account-commands.ts';
import { createProgram } from './program.ts';
import { addServeCommand, addServiceCommands } from './service-commands.ts';
import { UsageError } from './usage-error.ts';

/** Exit codes: 0 done, 1 it failed, 2 the call was wrong. */
let exitCode = 0;
const run =
  <Arguments extends unknown[]>(command: (...args: Arguments) => Promise<number>) =>
  async (...args: Arguments) => {
    exitCode = await command(...args);
  };

const program = createProgram();
addServeCommand(program, run);
addAccountCommands(program, run);
addServiceCommands(program, run);

program
  .parseAsync()
  .catch((error: unknown) => {
    if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      process.stderr.write(`${messageOf(error)}\n`);
      exitCode = error instanceof UsageError ? 2 : 1;
    }
  })
  .finally(() => {
    process.exitCode = exitCode;
  });
