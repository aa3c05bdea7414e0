package main

import (
	"encoding/json"
	"log"
	"log/slog"
	"os"
)

func init() {
	textLines := func() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stdout, nil)) }
	jsonLines := func() *slog.Logger { return slog.New(slog.NewJSONHandler(os.Stdout, nil)) }
	message := func(log *slog.Logger) call {
		return func(text string, record fields) { log.Info("amberflo_meter: " + text) }
	}
	attribute := func(log *slog.Logger) call {
		return func(text string, record fields) { log.Info("metered", "amberflo_meter", text) }
	}
	raw := func(log *slog.Logger) call {
		return func(text string, record fields) { log.Info("metered", "amberflo_meter", json.RawMessage(text)) }
	}
	object := func(log *slog.Logger) call {
		return func(text string, record fields) { log.Info("metered", "amberflo_meter", record) }
	}
	logs["slog-text"] = func() call { return message(textLines()) }
	logs["slog-text-attribute"] = func() call { return attribute(textLines()) }
	logs["slog-text-raw"] = func() call { return raw(textLines()) }
	logs["slog-text-object"] = func() call { return object(textLines()) }
	logs["slog-json"] = func() call { return message(jsonLines()) }
	logs["slog-json-attribute"] = func() call { return attribute(jsonLines()) }
	logs["slog-json-raw"] = func() call { return raw(jsonLines()) }
	logs["slog-json-object"] = func() call { return object(jsonLines()) }

	logs["log"] = func() call {
		return func(text string, record fields) { log.Printf("amberflo_meter: %s", text) }
	}
	logs["log-quoted"] = func() call {
		return func(text string, record fields) { log.Printf("amberflo_meter=%q", text) }
	}
	logs["log-object"] = func() call {
		return func(text string, record fields) { log.Printf("amberflo_meter: %v", record) }
	}
}
