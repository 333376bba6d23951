// `@openrouter/sdk`: https://github.com/OpenRouterTeam/typescript-sdk
import { OpenRouter } from "@openrouter/sdk";
import { CALLS, FUNCTION, IMAGE, LONG, QUESTION, SCHEMA, main, model } from "./common.mjs";

const client = (root, key) => new OpenRouter({ apiKey: key, serverURL: `${root}/api/v1` });

function messages(name) {
  if (name === "overflow") return [{ role: "user", content: LONG }];
  if (name === "image") {
    const imageUrl = { url: `data:image/png;base64,${IMAGE}` };
    const parts = [{ type: "text", text: "What is this?" }, { type: "image_url", imageUrl }];
    return [{ role: "user", content: parts }];
  }
  if (name === "results") {
    const toolCalls = CALLS.map(([id, given]) => ({
      id,
      type: "function",
      function: { name: "get_weather", arguments: given },
    }));
    const results = CALLS.map(([id, , said]) => ({ role: "tool", toolCallId: id, content: said }));
    return [
      { role: "user", content: QUESTION },
      { role: "assistant", content: null, toolCalls },
      ...results,
    ];
  }
  return [{ role: "user", content: QUESTION }];
}

const ask = (root, key, name, fields = {}) =>
  client(root, key).chat.send({
    chatRequest: { model: model(name), messages: messages(name), ...fields },
  });
const text = (name) => async (root, key) => ({
  text: (await ask(root, key, name)).choices[0].message.content,
});
const THINK = { reasoning: { maxTokens: 1024 }, maxTokens: 3000 };

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
    const tools = [{ type: "function", function: FUNCTION }];
    const calls = (await ask(root, key, "tools", { tools })).choices[0].message.toolCalls;
    return { calls: calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]) };
  },
  results: text("results"),
  reasoning: async (root, key) => {
    const { message } = (await ask(root, key, "reasoning", THINK)).choices[0];
    const turns = [...messages("reasoning"), message, { role: "user", content: "And?" }];
    await ask(root, key, "reasoning", { ...THINK, messages: turns });
    return { reasoning: message.reasoning };
  },
  schema: async (root, key) => {
    const jsonSchema = { name: "place", strict: true, schema: SCHEMA };
    const wish = { responseFormat: { type: "json_schema", jsonSchema } };
    return JSON.parse((await ask(root, key, "schema", wish)).choices[0].message.content);
  },
  image: text("image"),
  limited: async (root, key) => {
    try {
      return await text("limited")(root, key);
    } catch (error) {
      if (error?.statusCode !== 429) throw error; // it leaves 429 to the program
      return text("limited")(root, key);
    }
  },
  broken: async (root, key) => {
    let said = "";
    try {
      for await (const chunk of await ask(root, key, "broken", { stream: true })) {
        if (chunk.error) return { raised: true, text: said, message: chunk.error.message };
        said += chunk.choices[0]?.delta?.content ?? "";
      }
    } catch (error) {
      return { raised: true, text: said, message: error.message };
    }
    return { raised: false };
  },
  overflow: async (root, key) => {
    try {
      await ask(root, key, "overflow");
    } catch (error) {
      return { raised: error?.statusCode === 400, message: error.message };
    }
    return { raised: false };
  },
  cancel: async (root, key) => {
    let atS;
    for await (const chunk of await ask(root, key, "cancel", { stream: true })) {
      atS = Date.now() / 1000;
      if (chunk) break;
    }
    return { pieces: 1, at_s: atS };
  },
  usage: async (root, key) => {
    const { usage } = await ask(root, key, "usage");
    return { prompt: usage.promptTokens, completion: usage.completionTokens, cost: usage.cost };
  },
  models: async (root, key) => {
    const listed = await client(root, key).models.list();
    const rows = (listed.result ?? listed).data;
    return { ids: rows.map((row) => row.id) };
  },
});
