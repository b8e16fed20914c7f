/** Uses language models as any extension does; each command writes what came of it into a file of the home folder. */
const { writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const vscode = require('vscode');

const weather = {
  name: 'get_weather',
  description: 'The weather of a city',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
// One transparent pixel.
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=';

const commands = {
  async listModels() {
    const models = await vscode.lm.selectChatModels({ vendor: 'qwen-proxy' });
    const texts = ['hello', 'hello '.repeat(100)];
    const counts = models.length === 0 ? [] : await Promise.all(texts.map((text) => models[0].countTokens(text)));
    return { models: models.map(({ id, vendor, maxInputTokens }) => ({ id, vendor, maxInputTokens })), counts };
  },

  /** A forced call, then the answer to its result. */
  async callTool() {
    const [model] = await vscode.lm.selectChatModels({ vendor: 'qwen-proxy', id: 'qwen3.7-plus' });
    const image = vscode.LanguageModelDataPart.image(Buffer.from(pixel, 'base64'), 'image/png');
    const question = vscode.LanguageModelChatMessage.User([
      new vscode.LanguageModelTextPart('Weather in Paris?'),
      image,
    ]);
    const options = { tools: [weather], toolMode: vscode.LanguageModelChatToolMode.Required };
    const first = await read(await model.sendRequest([question], options));
    const [call] = first.calls;
    const answered = [
      question,
      vscode.LanguageModelChatMessage.Assistant([call]),
      vscode.LanguageModelChatMessage.User([
        new vscode.LanguageModelToolResultPart(call.callId, [new vscode.LanguageModelTextPart('Sunny, 21 degrees')]),
      ]),
    ];
    const second = await read(await model.sendRequest(answered, { tools: [weather] }));
    return { name: call.name, input: call.input, text: second.text };
  },

  /** What a client of a team gateway is not offered. */
  async administer() {
    await vscode.commands.executeCommand('qwenProxy.login');
  },

  async cancel() {
    const [model] = await vscode.lm.selectChatModels({ vendor: 'qwen-proxy', id: 'qwen3-coder-plus' });
    const source = new vscode.CancellationTokenSource();
    const question = [vscode.LanguageModelChatMessage.User('a long answer')];
    const answer = await model.sendRequest(question, {}, source.token);
    try {
      for await (const _ of answer.stream) source.cancel();
      return { ended: 'completely' };
    } catch (error) {
      return { ended: error.name };
    }
  },
};

async function read({ stream }) {
  let text = '';
  const calls = [];
  for await (const part of stream) {
    if (part instanceof vscode.LanguageModelTextPart) text += part.value;
    else if (part instanceof vscode.LanguageModelToolCallPart) calls.push(part);
  }
  return { text, calls };
}

exports.activate = (context) => {
  for (const [name, run] of Object.entries(commands)) {
    const register = vscode.commands.registerCommand(`chatUser.${name}`, async () => {
      const result = await run().catch((error) => ({ error: `${error.name}: ${error.message}` }));
      await writeFile(join(process.env.HOME, `${name}.json`), JSON.stringify(result));
    });
    context.subscriptions.push(register);
  }
};
