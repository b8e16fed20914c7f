import { join } from 'node:path';

/** What a service of this user has to run. */
export interface ServiceProgram {
  /** A Node 22.19 or newer, or the editor's own program that can act as one. */
  readonly node: string;
  /** `node` is the editor's program. */
  readonly isElectron: boolean;
  /** Folder of the program's copy, and its working folder: `.env` is read there. */
  readonly folder: string;
  /** Where the headless accounts are: QWEN_PROXY_HOME. */
  readonly home: string;
}

export const serviceName = 'qwen-openai-proxy';
const launchdLabel = `dev.${serviceName}`;

const variables = ({ home, isElectron }: ServiceProgram) => ({
  QWEN_PROXY_HOME: home,
  ...(isElectron && { ELECTRON_RUN_AS_NODE: '1' }),
});

/** Settings of the service; the only file of it with a secret. Values are quoted as Node's `loadEnvFile` reads them. */
export function serviceEnvironment(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}="${value.replace(/["\r\n]/g, '')}"\n`)
    .join('');
}

/** https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html */
export function systemdUnit(program: ServiceProgram): string {
  // `%` begins a specifier and `$` a variable there.
  const quote = (text: string) =>
    `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
  const set = Object.entries(variables(program)).map(([name, value]) => {
    const pair = `${name}=${value}`.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
    return `Environment="${pair}"\n`;
  });
  return `[Unit]
Description=Qwen Proxy

[Service]
WorkingDirectory=${program.folder.replaceAll('%', '%%')}
${set.join('')}ExecStart=${quote(program.node)} ${quote(join(program.folder, 'cli.js'))} serve
Restart=on-failure

[Install]
WantedBy=default.target
`;
}

/** `man launchd.plist` */
export function launchdPlist(program: ServiceProgram): string {
  const toXml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const string = (text: string) => `<string>${toXml(text)}</string>`;
  const words = [program.node, join(program.folder, 'cli.js'), 'serve'].map((word) => `    ${string(word)}\n`);
  const set = Object.entries(variables(program)).map(([name, value]) => `    <key>${name}</key>${string(value)}\n`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>${string(launchdLabel)}
  <key>ProgramArguments</key>
  <array>
${words.join('')}  </array>
  <key>EnvironmentVariables</key>
  <dict>
${set.join('')}  </dict>
  <key>WorkingDirectory</key>${string(program.folder)}
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
</dict>
</plist>
`;
}

/** A script that a user puts into the Startup folder by hand. */
export function windowsScript(program: ServiceProgram): string {
  const set = Object.entries(variables(program)).map(([name, value]) => `set "${name}=${value}"`);
  const start = `start "Qwen Proxy" /min "${program.node}" "${join(program.folder, 'cli.js')}" serve`;
  return ['@echo off', ...set, `cd /d "${program.folder}"`, start, ''].join('\r\n');
}

/** A service manager's file and the calls that start and end what it describes. */
export interface ServiceManager {
  readonly path: string;
  readonly text: string;
  readonly start: readonly (readonly string[])[];
  /** For a person to type, too. */
  readonly stop: readonly (readonly string[])[];
}

/** `undefined` on systems where a service of a user takes more than a file: there it is a script. */
export function serviceManager(
  program: ServiceProgram,
  { platform, userHome, userId }: { readonly platform: string; readonly userHome: string; readonly userId: number },
): ServiceManager | undefined {
  if (platform === 'linux') {
    const unit = `${serviceName}.service`;
    return {
      path: join(userHome, '.config', 'systemd', 'user', unit),
      text: systemdUnit(program),
      start: [
        ['systemctl', '--user', 'daemon-reload'],
        ['systemctl', '--user', 'enable', unit],
        ['systemctl', '--user', 'restart', unit],
      ],
      stop: [['systemctl', '--user', 'disable', '--now', unit]],
    };
  }
  if (platform !== 'darwin') return undefined;
  const path = join(userHome, 'Library', 'LaunchAgents', `${launchdLabel}.plist`);
  return {
    path,
    text: launchdPlist(program),
    start: [['launchctl', 'bootstrap', `gui/${userId}`, path]],
    stop: [['launchctl', 'bootout', `gui/${userId}/${launchdLabel}`]],
  };
}
