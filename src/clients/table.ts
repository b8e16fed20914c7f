import { aider } from './aider.ts';
import { claudeCode } from './claude-code.ts';
import type { Client } from './client.ts';
import { cline } from './cline.ts';
import { codex } from './codex.ts';
import { continueDev } from './continue.ts';
import { copilotChat } from './copilot-chat.ts';
import { crush } from './crush.ts';
import { opencode } from './opencode.ts';
import { qwenCode } from './qwen-code.ts';
import { rooCode } from './roo-code.ts';
import { zed } from './zed.ts';

/** Every client, in the order in which they are offered. */
export const clients: readonly Client[] = [
  claudeCode,
  codex,
  cline,
  copilotChat,
  opencode,
  qwenCode,
  continueDev,
  crush,
  zed,
  aider,
  rooCode,
];

export const clientById = (id: string): Client | undefined => clients.find((client) => client.id === id);
