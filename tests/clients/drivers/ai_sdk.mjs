// `ai` with `@openrouter/ai-sdk-provider`: https://github.com/OpenRouterTeam/ai-sdk-provider
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { generateObject, generateText, jsonSchema, streamText, tool } from "ai";
import { CALLS, IMAGE, LONG, QUESTION, SCHEMA, Skip, main, model } from "./common.mjs";

const made = (root, key, name, settings) =>
  createOpenRouter({ baseURL: `${root}/api/v1`, apiKey: key })(model(name), settings);
const ask = (root, key, name, fields = {}) =>
  generateText({ model: made(root, key, name), prompt: QUESTION, ...fields });
const WEATHER = tool({ description: "The weather of a city", inputSchema: jsonSchema(SCHEMA) });
const THINK = { reasoning: { max_tokens: 1024 }, usage: { include: true } };

await main({
  text: async (root, key) => ({ text: (await ask(root, key, "text")).text }),
  stream: async (root, key) => {
    const pieces = [];
    const answer = streamText({ model: made(root, key, "stream"), prompt: QUESTION });
    for await (const piece of answer.textStream) pieces.push(piece);
    return { text: pieces.join(""), pieces: pieces.length };
  },
  tools: async (root, key) => {
    const answer = streamText({
      model: made(root, key, "tools"),
      prompt: QUESTION,
      tools: { get_weather: WEATHER },
    });
    return { calls: (await answer.toolCalls).map((c) => [c.toolName, c.input]) };
  },
  results: async (root, key) => {
    const toolName = "get_weather";
    const calls = CALLS.map(([toolCallId, given]) => ({
      type: "tool-call",
      toolCallId,
      toolName,
      input: JSON.parse(given),
    }));
    const results = CALLS.map(([toolCallId, , said]) => ({
      type: "tool-result",
      toolCallId,
      toolName,
      output: { type: "text", value: said },
    }));
    const messages = [
      { role: "user", content: QUESTION },
      { role: "assistant", content: calls },
      { role: "tool", content: results },
    ];
    return { text: (await ask(root, key, "results", { prompt: undefined, messages })).text };
  },
  reasoning: async (root, key) => {
    const thinking = { model: made(root, key, "reasoning", THINK), maxOutputTokens: 3000 };
    const first = await generateText({ ...thinking, prompt: QUESTION });
    const messages = [
      { role: "user", content: QUESTION },
      ...first.response.messages,
      { role: "user", content: "And?" },
    ];
    await generateText({ ...thinking, messages });
    return { reasoning: first.reasoningText };
  },
  schema: async (root, key) => {
    const asked = { model: made(root, key, "schema"), prompt: "Where?" };
    return (await generateObject({ ...asked, schema: jsonSchema(SCHEMA) })).object;
  },
  image: async (root, key) => {
    const image = { type: "image", image: `data:image/png;base64,${IMAGE}` };
    const content = [{ type: "text", text: "What is this?" }, image];
    const messages = [{ role: "user", content }];
    return { text: (await ask(root, key, "image", { prompt: undefined, messages })).text };
  },
  limited: async (root, key) => ({ text: (await ask(root, key, "limited")).text }),
  broken: async (root, key) => {
    let said = "";
    const answer = streamText({
      model: made(root, key, "broken"),
      prompt: QUESTION,
      onError: () => {},
    });
    for await (const part of answer.fullStream) {
      if (part.type === "text-delta") said += part.text ?? part.delta ?? "";
      if (part.type === "error") return { raised: true, text: said, message: part.error.message };
    }
    return { raised: false };
  },
  overflow: async (root, key) => {
    try {
      await ask(root, key, "overflow", { prompt: LONG });
    } catch (error) {
      return { raised: error?.statusCode === 400, message: error.message };
    }
    return { raised: false };
  },
  cancel: async (root, key) => {
    const stop = new AbortController();
    const answer = streamText({
      model: made(root, key, "cancel"),
      prompt: QUESTION,
      abortSignal: stop.signal,
      onError: () => {},
    });
    for await (const piece of answer.textStream) {
      if (piece) break;
    }
    const atS = Date.now() / 1000;
    stop.abort();
    return { pieces: 1, at_s: atS };
  },
  usage: async (root, key) => {
    const answer = await generateText({
      model: made(root, key, "usage", { usage: { include: true } }),
      prompt: QUESTION,
    });
    const { usage } = answer.providerMetadata.openrouter;
    return { prompt: usage.promptTokens, completion: usage.completionTokens, cost: usage.cost };
  },
  models: async () => {
    throw new Skip("it asks no server for its models");
  },
});
