/**
 * The first thing that the command line does. `serve` starts this program anew, in the same process, with a young space that
 * suits a proxy: docs/decisions/0008-young-space.md. V8 takes its size when it starts, and only then.
 */
import { spawnSync } from 'node:child_process';

/** Megabytes of each half of V8's young space. */
const semiSpaceMb = 8;

/** Returns where that cannot be, or where the user chose a size; then all works the same, with more memory. */
function restartLean(): void {
  const { execve, execArgv, execPath, argv, env } = process;
  const isChosen = [...execArgv, env.NODE_OPTIONS ?? ''].some((option) => /semi[-_]space/.test(option));
  // A debugger and a parent on a channel hold on to what an exec closes.
  const isHeld = process.channel !== undefined || execArgv.some((option) => option.startsWith('--inspect'));
  if (execve === undefined || isChosen || isHeld) return;
  // Node aborts where the system forbids an exec, so a sandbox is asked before.
  if (spawnSync(execPath, ['--version'], { stdio: 'ignore', timeout: 2_000 }).status !== 0) return;
  execve.call(
    process,
    execPath,
    [execPath, `--max-semi-space-size=${semiSpaceMb}`, ...execArgv, ...argv.slice(1)],
    env,
  );
}

if (process.argv[2] === 'serve' && !process.argv.includes('--check') && !process.argv.includes('--help')) restartLean();
