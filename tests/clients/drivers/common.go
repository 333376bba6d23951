// What the Go drivers share, built together with each of them; see common.py.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	question = "What is the weather in Lisbon and in Porto?"
	picture  = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

type call struct{ id, given, said string }

type told map[string]any

type run func(root, key string) (told, error)

// step is one case of the matrix: its name, and what does it.
type step struct {
	name string
	run  run
}

// skip is what a client does not offer; it says what it lacks.
type skip string

func (s skip) Error() string { return string(s) }

var (
	long  = strings.Repeat("many words ", 2000)
	calls = []call{
		{"call_0", `{"city":"Lisbon"}`, "21 degrees"},
		{"call_1", `{"city":"Porto"}`, "17 degrees"},
	}
	schema = map[string]any{
		"type":                 "object",
		"properties":           map[string]any{"city": map[string]any{"type": "string"}},
		"required":             []string{"city"},
		"additionalProperties": false,
	}
)

func model(name string) string {
	if name == "reasoning" {
		return "anthropic/" + name
	}
	return "openai/" + name
}

func now() float64 { return float64(time.Now().UnixMicro()) / 1e6 }

// called tells name and arguments of a tool call as the other drivers do.
func called(name, arguments string) ([]any, error) {
	var given any
	err := json.Unmarshal([]byte(arguments), &given)
	return []any{name, given}, err
}

// play runs every case with the root URL and the key, and prints what it told, one JSON line each.
func play(steps []step) {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: client ROOT KEY")
		os.Exit(1)
	}
	lines := json.NewEncoder(os.Stdout)
	for _, one := range steps {
		line := told{}
		result, err := one.run(os.Args[1], os.Args[2])
		var lacking skip
		switch {
		case errors.As(err, &lacking):
			line["skip"] = string(lacking)
		case err != nil:
			line["failed"] = fmt.Sprintf("%.200s", err.Error())
		default:
			line = result
		}
		line["case"] = one.name
		if err := lines.Encode(line); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
