// The `openai` package for Node: https://github.com/openai/openai-node
import OpenAI from "openai";
import { FUNCTION, SCHEMA, chatMessages, main, model } from "./common.mjs";

const client = (root, key) => new OpenAI({ baseURL: `${root}/api/v1`, apiKey: key });
const ask = (root, key, name, fields = {}) =>
  client(root, key).chat.completions.create({
    model: model(name),
    messages: chatMessages(name),
    ...fields,
  });
const text = (name) => async (root, key) => ({
  text: (await ask(root, key, name)).choices[0].message.content,
});
const THINK = { reasoning: { max_tokens: 1024 }, max_tokens: 3000 };

await main({
  text: text("text"),
  stream: async (root, key) => {
    const pieces = [];
    for await (const chunk of await ask(root, key, "stream", { stream: true })) {
      const piece = chunk.choices[0]?.delta?.content;
      if (piece) pieces.push(piece);
    }
    return { text: pieces.join(""), pieces: pieces.length };
  },
  tools: async (root, key) => {
    const runner = client(root, key).chat.completions.stream({
      model: model("tools"),
      messages: chatMessages("tools"),
      tools: [{ type: "function", function: FUNCTION }],
    });
    const calls = (await runner.finalChatCompletion()).choices[0].message.tool_calls;
    return { calls: calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]) };
  },
  results: text("results"),
  reasoning: async (root, key) => {
    const { message } = (await ask(root, key, "reasoning", THINK)).choices[0];
    const turns = [...chatMessages("reasoning"), message, { role: "user", content: "And?" }];
    await ask(root, key, "reasoning", { ...THINK, messages: turns });
    return { reasoning: message.reasoning };
  },
  schema: async (root, key) => {
    const form = { name: "place", strict: true, schema: SCHEMA };
    const wish = { response_format: { type: "json_schema", json_schema: form } };
    return JSON.parse((await ask(root, key, "schema", wish)).choices[0].message.content);
  },
  image: text("image"),
  limited: text("limited"),
  broken: async (root, key) => {
    let said = "";
    try {
      for await (const chunk of await ask(root, key, "broken", { stream: true }))
        said += chunk.choices[0]?.delta?.content ?? "";
    } catch (error) {
      return { raised: true, text: said, message: error.message };
    }
    return { raised: false };
  },
  overflow: async (root, key) => {
    try {
      await ask(root, key, "overflow");
    } catch (error) {
      return { raised: error instanceof OpenAI.BadRequestError, message: error.message };
    }
    return { raised: false };
  },
  cancel: async (root, key) => {
    const chunks = await ask(root, key, "cancel", { stream: true });
    for await (const chunk of chunks) if (chunk) break;
    const atS = Date.now() / 1000;
    chunks.controller.abort();
    return { pieces: 1, at_s: atS };
  },
  usage: async (root, key) => {
    const { usage } = await ask(root, key, "usage");
    return { prompt: usage.prompt_tokens, completion: usage.completion_tokens, cost: usage.cost };
  },
  models: async (root, key) => {
    const ids = [];
    for await (const row of client(root, key).models.list()) ids.push(row.id);
    return { ids };
  },
});
