// `fantasy`, by its OpenRouter provider: https://github.com/charmbracelet/fantasy
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"charm.land/fantasy"
	"charm.land/fantasy/providers/openai"
	"charm.land/fantasy/providers/openrouter"
)

var background = context.Background()

// elsewhere sends what is meant for OpenRouter to the gateway: the provider's address is fixed,
// its HTTP client is not.
type elsewhere struct{ gateway *url.URL }

func (e elsewhere) Do(request *http.Request) (*http.Response, error) {
	request.URL.Scheme, request.URL.Host, request.Host = e.gateway.Scheme, e.gateway.Host, ""
	return http.DefaultClient.Do(request)
}

func made(root, key, name string) (fantasy.LanguageModel, error) {
	gateway, err := url.Parse(root)
	if err != nil {
		return nil, err
	}
	provider, err := openrouter.New(
		openrouter.WithAPIKey(key), openrouter.WithHTTPClient(elsewhere{gateway}),
	)
	if err != nil {
		return nil, err
	}
	return provider.LanguageModel(background, model(name))
}

func asked(name string) fantasy.Call {
	prompt := fantasy.Prompt{fantasy.NewUserMessage(question)}
	switch name {
	case "overflow":
		prompt = fantasy.Prompt{fantasy.NewUserMessage(long)}
	case "image":
		data, _ := base64.StdEncoding.DecodeString(picture)
		file := fantasy.FilePart{Filename: "dot.png", Data: data, MediaType: "image/png"}
		prompt = fantasy.Prompt{fantasy.NewUserMessage("What is this?", file)}
	case "results":
		turn := fantasy.Message{Role: fantasy.MessageRoleAssistant}
		results := fantasy.Message{Role: fantasy.MessageRoleTool}
		for _, one := range calls {
			turn.Content = append(turn.Content, fantasy.ToolCallPart{
				ToolCallID: one.id, ToolName: "get_weather", Input: one.given,
			})
			results.Content = append(results.Content, fantasy.ToolResultPart{
				ToolCallID: one.id, Output: fantasy.ToolResultOutputContentText{Text: one.said},
			})
		}
		prompt = append(prompt, turn, results)
	}
	return fantasy.Call{Prompt: prompt}
}

func ask(root, key, name string, call fantasy.Call) (*fantasy.Response, error) {
	language, err := made(root, key, name)
	if err != nil {
		return nil, err
	}
	return language.Generate(background, call)
}

func begin(ctx context.Context, root, key, name string, call fantasy.Call) (fantasy.StreamResponse, error) {
	language, err := made(root, key, name)
	if err != nil {
		return nil, err
	}
	return language.Stream(ctx, call)
}

func text(name string) run {
	return func(root, key string) (told, error) {
		answer, err := ask(root, key, name, asked(name))
		if err != nil {
			return nil, err
		}
		return told{"text": answer.Content.Text()}, nil
	}
}

func stream(root, key string) (told, error) {
	parts, err := begin(background, root, key, "stream", asked("stream"))
	if err != nil {
		return nil, err
	}
	pieces := []string{}
	for part := range parts {
		switch part.Type {
		case fantasy.StreamPartTypeTextDelta:
			pieces = append(pieces, part.Delta)
		case fantasy.StreamPartTypeError:
			return nil, part.Error
		}
	}
	return told{"text": strings.Join(pieces, ""), "pieces": len(pieces)}, nil
}

func tools(root, key string) (told, error) {
	call := asked("tools")
	call.Tools = []fantasy.Tool{fantasy.FunctionTool{
		Name: "get_weather", Description: "The weather of a city", InputSchema: schema,
	}}
	parts, err := begin(background, root, key, "tools", call)
	if err != nil {
		return nil, err
	}
	heard := []any{}
	for part := range parts {
		switch part.Type {
		case fantasy.StreamPartTypeToolCall:
			pair, err := called(part.ToolCallName, part.ToolCallInput)
			if err != nil {
				return nil, err
			}
			heard = append(heard, pair)
		case fantasy.StreamPartTypeError:
			return nil, part.Error
		}
	}
	return told{"calls": heard}, nil
}

func reasoning(root, key string) (told, error) {
	budget, most := int64(1024), int64(3000)
	call := asked("reasoning")
	call.MaxOutputTokens = &most
	call.ProviderOptions = fantasy.ProviderOptions{openrouter.Name: &openrouter.ProviderOptions{
		Reasoning: &openrouter.ReasoningOptions{MaxTokens: &budget},
	}}
	first, err := ask(root, key, "reasoning", call)
	if err != nil {
		return nil, err
	}
	turn := fantasy.Message{Role: fantasy.MessageRoleAssistant}
	for _, thought := range first.Content.Reasoning() {
		turn.Content = append(turn.Content, fantasy.ReasoningPart{
			Text: thought.Text, ProviderOptions: fantasy.ProviderOptions(thought.ProviderMetadata),
		})
	}
	turn.Content = append(turn.Content, fantasy.TextPart{Text: first.Content.Text()})
	call.Prompt = append(call.Prompt, turn, fantasy.NewUserMessage("And?"))
	if _, err := ask(root, key, "reasoning", call); err != nil {
		return nil, err
	}
	return told{"reasoning": first.Content.ReasoningText()}, nil
}

// place asks by the OpenAI provider: the OpenRouter one turns a schema into a tool.
func place(root, key string) (told, error) {
	provider, err := openai.New(openai.WithBaseURL(root+"/api/v1"), openai.WithAPIKey(key))
	if err != nil {
		return nil, err
	}
	language, err := provider.LanguageModel(background, model("schema"))
	if err != nil {
		return nil, err
	}
	answer, err := language.GenerateObject(background, fantasy.ObjectCall{
		Prompt: asked("schema").Prompt,
		Schema: fantasy.Schema{
			Type:       "object",
			Properties: map[string]*fantasy.Schema{"city": {Type: "string"}},
			Required:   []string{"city"},
		},
		SchemaName: "place",
	})
	if err != nil {
		return nil, err
	}
	found := told{}
	return found, json.Unmarshal([]byte(answer.RawText), &found)
}

// limited asks by an agent: it is what retries.
func limited(root, key string) (told, error) {
	language, err := made(root, key, "limited")
	if err != nil {
		return nil, err
	}
	answer, err := fantasy.NewAgent(language).Generate(background, fantasy.AgentCall{Prompt: question})
	if err != nil {
		return nil, err
	}
	return told{"text": answer.Response.Content.Text()}, nil
}

func broken(root, key string) (told, error) {
	parts, err := begin(background, root, key, "broken", asked("broken"))
	if err != nil {
		return nil, err
	}
	said := ""
	for part := range parts {
		switch part.Type {
		case fantasy.StreamPartTypeTextDelta:
			said += part.Delta
		case fantasy.StreamPartTypeError:
			return told{"raised": true, "text": said, "message": part.Error.Error()}, nil
		}
	}
	return told{"raised": false}, nil
}

func overflow(root, key string) (told, error) {
	_, err := ask(root, key, "overflow", asked("overflow"))
	var refused *fantasy.ProviderError
	if errors.As(err, &refused) {
		return told{"raised": refused.StatusCode == 400, "message": refused.Message}, nil
	}
	return told{"raised": false}, err
}

func cancel(root, key string) (told, error) {
	ctx, stop := context.WithCancel(background)
	defer stop()
	parts, err := begin(ctx, root, key, "cancel", asked("cancel"))
	if err != nil {
		return nil, err
	}
	for part := range parts {
		if part.Type == fantasy.StreamPartTypeTextDelta {
			break
		}
	}
	return told{"pieces": 1, "at_s": now()}, nil
}

func usage(root, key string) (told, error) {
	answer, err := ask(root, key, "usage", asked("usage"))
	if err != nil {
		return nil, err
	}
	// A whole answer has it under the name of the provider that the OpenRouter one is made of.
	found, known := answer.ProviderMetadata[openai.Name].(*openrouter.ProviderMetadata)
	if !known {
		return nil, errors.New("the answer has no metadata of OpenRouter")
	}
	return told{
		"prompt":     answer.Usage.InputTokens,
		"completion": answer.Usage.OutputTokens,
		"cost":       found.Usage.Cost,
	}, nil
}

func models(_, _ string) (told, error) {
	return nil, skip("it asks no server for its models")
}

func main() {
	play([]step{
		{"text", text("text")},
		{"stream", stream},
		{"tools", tools},
		{"results", text("results")},
		{"reasoning", reasoning},
		{"schema", place},
		{"image", text("image")},
		{"limited", limited},
		{"broken", broken},
		{"overflow", overflow},
		{"cancel", cancel},
		{"usage", usage},
		{"models", models},
	})
}
