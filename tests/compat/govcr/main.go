// Command client sends requests through go-vcr, recording or replaying.
//
//	client record|replay CASSETTE < requests.json
//
// CASSETTE is the file's name without its suffix. On standard input stands a
// JSON array of requests, on standard output one of answers.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"
)

type request struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
}

type answer struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Body        []byte `json:"body"`
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: client record|replay CASSETTE"))
	}
	answers, err := run(os.Args[1], os.Args[2])
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fail(err)
	}
}

func run(mode, cassette string) ([]answer, error) {
	var requests []request
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		return nil, err
	}
	wanted := recorder.ModeReplayOnly
	if mode == "record" {
		wanted = recorder.ModeRecordOnly
	}
	tape, err := recorder.New(cassette, recorder.WithMode(wanted))
	if err != nil {
		return nil, err
	}
	client := tape.GetDefaultClient()
	answers := []answer{}
	for _, one := range requests {
		said, err := ask(client, one)
		if err != nil {
			return nil, err
		}
		answers = append(answers, said)
	}
	return answers, tape.Stop()
}

func ask(client *http.Client, one request) (answer, error) {
	sent, err := http.NewRequest(one.Method, one.URL, strings.NewReader(one.Body))
	if err != nil {
		return answer{}, err
	}
	for _, header := range one.Headers {
		sent.Header.Add(header[0], header[1])
	}
	said, err := client.Do(sent)
	if err != nil {
		return answer{}, err
	}
	defer said.Body.Close()
	body, err := io.ReadAll(said.Body)
	if err != nil {
		return answer{}, err
	}
	return answer{said.StatusCode, said.Header.Get("Content-Type"), body}, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
