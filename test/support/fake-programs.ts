import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Notes what it was called with, one call a line. */
const cline = `#!/bin/sh
echo "$@" >> "$HOME/cline.log"
`;

/** Starts and ends what the one unit describes, as systemd would; notes its calls. */
const systemctl = `#!/bin/sh
echo "$@" >> "$HOME/systemctl.log"
unit="$HOME/.config/systemd/user/qwen-openai-proxy.service"
value() { sed -n "s/^$1=//p" "$unit"; }
case "$*" in
*restart*)
  [ -f "$HOME/service.pid" ] && kill "$(cat "$HOME/service.pid")"
  cd "$(value WorkingDirectory)" || exit 1
  eval "export $(value Environment)"
  eval "exec $(value ExecStart)" > "$HOME/service.log" 2>&1 &
  echo $! > "$HOME/service.pid"
  ;;
*disable*) kill "$(cat "$HOME/service.pid")" ;;
esac
`;

/** Puts stand-ins for programs into a folder; returns the PATH that finds them first. */
export async function writeFakePrograms(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries({ cline, systemctl })) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o755);
  }
  return `${folder}:${process.env.PATH}`;
}
