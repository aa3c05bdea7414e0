// Logs each record of a file with the named configuration, and ends each log event with a record separator.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// fields are a meter record as a program would have it.
type fields map[string]any

// A call logs a record once, of which it gets the JSON text and the fields.
type call func(text string, record fields)

// logs set up the configurations, by their names.
var logs = map[string]func() call{}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	data, err := os.ReadFile(os.Args[2])
	check(err)
	log := logs[os.Args[1]]()
	for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		record := fields{}
		check(json.Unmarshal(line, &record))
		text, err := json.Marshal(record)
		check(err)
		log(string(text), record)
		fmt.Print("\x1e\n")
	}
}
