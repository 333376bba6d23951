// What the Node drivers share; see common.py.
export const QUESTION = "What is the weather in Lisbon and in Porto?";
export const IMAGE =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const CALLS = [
  ["call_0", '{"city":"Lisbon"}', "21 degrees"],
  ["call_1", '{"city":"Porto"}', "17 degrees"],
];
export const FUNCTION = {
  name: "get_weather",
  description: "The weather of a city",
  parameters: SCHEMA,
};
export const LONG = "many words ".repeat(2000);

export class Skip extends Error {}

export const model = (name) => (name === "reasoning" ? `anthropic/${name}` : `openai/${name}`);

export function chatMessages(name) {
  if (name === "overflow") return [{ role: "user", content: LONG }];
  if (name === "image") {
    const url = `data:image/png;base64,${IMAGE}`;
    const parts = [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url } },
    ];
    return [{ role: "user", content: parts }];
  }
  if (name === "results") {
    const calls = CALLS.map(([id, given]) => ({
      id,
      type: "function",
      function: { name: "get_weather", arguments: given },
    }));
    const results = CALLS.map(([id, , said]) => ({ role: "tool", tool_call_id: id, content: said }));
    return [
      { role: "user", content: QUESTION },
      { role: "assistant", content: null, tool_calls: calls },
      ...results,
    ];
  }
  return [{ role: "user", content: QUESTION }];
}

export async function main(cases) {
  const [root, key] = process.argv.slice(2);
  for (const [name, run] of Object.entries(cases)) {
    let told;
    try {
      told = await run(root, key);
    } catch (error) {
      const what = `${error?.name}: ${String(error?.message).slice(0, 200)}`;
      told = error instanceof Skip ? { skip: error.message } : { failed: what };
    }
    process.stdout.write(JSON.stringify({ case: name, ...told }) + "\n");
  }
  process.exit(0);
}
