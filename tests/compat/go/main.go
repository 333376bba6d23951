// Asks a gateway with OpenAI's Go client, as the first recording was made, and
// prints what the client understood as one JSON object.
//
// Usage: client BASE_URL KEY stream|whole
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/openai/openai-go/v2"
	"github.com/openai/openai-go/v2/option"
)

type heard struct {
	Request string          `json:"request"` // as sent, to the byte
	Text    string          `json:"text"`
	Finish  string          `json:"finish"`
	Usage   json.RawMessage `json:"usage"`
	Chunks  []string        `json:"chunks"` // as received, to the byte
}

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: client BASE_URL KEY stream|whole"))
	}
	answer := heard{Chunks: []string{}}
	client := openai.NewClient(
		option.WithBaseURL(os.Args[1]),
		option.WithAPIKey(os.Args[2]),
		option.WithMaxRetries(0),
		option.WithMiddleware(func(request *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			body, err := io.ReadAll(request.Body)
			if err != nil {
				return nil, err
			}
			answer.Request = string(body)
			request.Body = io.NopCloser(bytes.NewReader(body))
			return next(request)
		}),
	)
	ask := answer.whole
	if os.Args[3] == "stream" {
		ask = answer.stream
	}
	if err := ask(&client); err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fail(err)
	}
}

func params() openai.ChatCompletionNewParams {
	params := openai.ChatCompletionNewParams{
		Model: "moonshotai/kimi-k2-0905",
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage("You are a helpful assistant"),
			openai.UserMessage("Say hi in Portuguese"),
		},
		MaxTokens: openai.Int(4000),
	}
	params.SetExtraFields(map[string]any{
		"provider": map[string]any{"only": []string{"groq"}},
		"usage":    map[string]any{"include": true},
	})
	return params
}

func (answer *heard) whole(client *openai.Client) error {
	completion, err := client.Chat.Completions.New(context.Background(), params())
	if err != nil {
		return err
	}
	answer.Text = completion.Choices[0].Message.Content
	answer.Finish = completion.Choices[0].FinishReason
	answer.Usage = json.RawMessage(completion.Usage.RawJSON())
	return nil
}

func (answer *heard) stream(client *openai.Client) error {
	streamed := params()
	streamed.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	stream := client.Chat.Completions.NewStreaming(context.Background(), streamed)
	defer stream.Close()
	for stream.Next() {
		chunk := stream.Current()
		answer.Chunks = append(answer.Chunks, chunk.RawJSON())
		answer.Text += chunk.Choices[0].Delta.Content
		if reason := chunk.Choices[0].FinishReason; reason != "" {
			answer.Finish = reason
		}
		if chunk.JSON.Usage.Valid() {
			answer.Usage = json.RawMessage(chunk.Usage.RawJSON())
		}
	}
	return stream.Err()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
