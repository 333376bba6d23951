// OpenAI's client for Go: https://github.com/openai/openai-go
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openai/openai-go/v2"
	"github.com/openai/openai-go/v2/option"
	"github.com/openai/openai-go/v2/packages/ssestream"
	"github.com/openai/openai-go/v2/shared"
)

var background = context.Background()

func client(root, key string) openai.Client {
	return openai.NewClient(option.WithBaseURL(root+"/api/v1"), option.WithAPIKey(key))
}

func asked(name string) openai.ChatCompletionNewParams {
	messages := []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)}
	switch name {
	case "overflow":
		messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage(long)}
	case "image":
		url := openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + picture}
		messages = []openai.ChatCompletionMessageParamUnion{
			openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.TextContentPart("What is this?"), openai.ImageContentPart(url),
			}),
		}
	case "results":
		turn := openai.ChatCompletionAssistantMessageParam{}
		for _, one := range calls {
			turn.ToolCalls = append(turn.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{
				OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
					ID: one.id,
					Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{
						Name: "get_weather", Arguments: one.given,
					},
				},
			})
		}
		messages = append(messages, openai.ChatCompletionMessageParamUnion{OfAssistant: &turn})
		for _, one := range calls {
			messages = append(messages, openai.ToolMessage(one.said, one.id))
		}
	}
	return openai.ChatCompletionNewParams{Model: model(name), Messages: messages}
}

func ask(root, key string, params openai.ChatCompletionNewParams) (*openai.ChatCompletion, error) {
	gateway := client(root, key)
	return gateway.Chat.Completions.New(background, params)
}

func begin(
	ctx context.Context, root, key string, params openai.ChatCompletionNewParams,
) *ssestream.Stream[openai.ChatCompletionChunk] {
	gateway := client(root, key)
	return gateway.Chat.Completions.NewStreaming(ctx, params)
}

func text(name string) run {
	return func(root, key string) (told, error) {
		answer, err := ask(root, key, asked(name))
		if err != nil {
			return nil, err
		}
		return told{"text": answer.Choices[0].Message.Content}, nil
	}
}

func stream(root, key string) (told, error) {
	events := begin(background, root, key, asked("stream"))
	defer events.Close()
	whole := openai.ChatCompletionAccumulator{}
	pieces := 0
	for events.Next() {
		chunk := events.Current()
		if !whole.AddChunk(chunk) {
			return nil, fmt.Errorf("the accumulator refuses %s", chunk.RawJSON())
		}
		if chunk.Choices[0].Delta.Content != "" {
			pieces++
		}
	}
	if events.Err() != nil {
		return nil, events.Err()
	}
	return told{"text": whole.Choices[0].Message.Content, "pieces": pieces}, nil
}

func tools(root, key string) (told, error) {
	params := asked("tools")
	params.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: "get_weather", Description: openai.String("The weather of a city"), Parameters: schema,
		}),
	}
	events := begin(background, root, key, params)
	defer events.Close()
	whole := openai.ChatCompletionAccumulator{}
	for events.Next() {
		if chunk := events.Current(); !whole.AddChunk(chunk) {
			return nil, fmt.Errorf("the accumulator refuses %s", chunk.RawJSON())
		}
	}
	if events.Err() != nil {
		return nil, events.Err()
	}
	heard := []any{}
	for _, one := range whole.Choices[0].Message.ToolCalls {
		pair, err := called(one.Function.Name, one.Function.Arguments)
		if err != nil {
			return nil, err
		}
		heard = append(heard, pair)
	}
	return told{"calls": heard}, nil
}

func reasoning(root, key string) (told, error) {
	params := asked("reasoning")
	params.MaxTokens = openai.Int(3000)
	params.SetExtraFields(map[string]any{"reasoning": map[string]any{"max_tokens": 1024}})
	answer, err := ask(root, key, params)
	if err != nil {
		return nil, err
	}
	message := answer.Choices[0].Message
	var thought string
	if err := json.Unmarshal([]byte(message.JSON.ExtraFields["reasoning"].Raw()), &thought); err != nil {
		return nil, err
	}
	turn := message.ToParam()
	turn.OfAssistant.SetExtraFields(map[string]any{
		"reasoning_details": json.RawMessage(message.JSON.ExtraFields["reasoning_details"].Raw()),
	})
	params.Messages = append(params.Messages, turn, openai.UserMessage("And?"))
	if _, err := ask(root, key, params); err != nil {
		return nil, err
	}
	return told{"reasoning": thought}, nil
}

func place(root, key string) (told, error) {
	params := asked("schema")
	params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: "place", Strict: openai.Bool(true), Schema: schema,
		},
	}
	answer, err := ask(root, key, params)
	if err != nil {
		return nil, err
	}
	found := told{}
	return found, json.Unmarshal([]byte(answer.Choices[0].Message.Content), &found)
}

func broken(root, key string) (told, error) {
	events := begin(background, root, key, asked("broken"))
	defer events.Close()
	said := ""
	for events.Next() {
		said += events.Current().Choices[0].Delta.Content
	}
	if events.Err() == nil {
		return told{"raised": false}, nil
	}
	return told{"raised": true, "text": said, "message": events.Err().Error()}, nil
}

func overflow(root, key string) (told, error) {
	_, err := ask(root, key, asked("overflow"))
	var refused *openai.Error
	if errors.As(err, &refused) {
		return told{"raised": refused.StatusCode == 400, "message": refused.Message}, nil
	}
	return told{"raised": false}, err
}

func cancel(root, key string) (told, error) {
	ctx, stop := context.WithCancel(background)
	events := begin(ctx, root, key, asked("cancel"))
	if !events.Next() {
		stop()
		return nil, events.Err()
	}
	at := now()
	stop()
	return told{"pieces": 1, "at_s": at}, events.Close()
}

func usage(root, key string) (told, error) {
	answer, err := ask(root, key, asked("usage"))
	if err != nil {
		return nil, err
	}
	used := answer.Usage
	return told{
		"prompt":     used.PromptTokens,
		"completion": used.CompletionTokens,
		"cost":       json.RawMessage(used.JSON.ExtraFields["cost"].Raw()),
	}, nil
}

func models(root, key string) (told, error) {
	gateway := client(root, key)
	rows := gateway.Models.ListAutoPaging(background)
	ids := []string{}
	for rows.Next() {
		ids = append(ids, rows.Current().ID)
	}
	return told{"ids": ids}, rows.Err()
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
		{"limited", text("limited")},
		{"broken", broken},
		{"overflow", overflow},
		{"cancel", cancel},
		{"usage", usage},
		{"models", models},
	})
}
