package main

import (
	"os"

	"github.com/rs/zerolog"
)

func init() {
	jsonLines := func() zerolog.Logger { return zerolog.New(os.Stdout).With().Timestamp().Logger() }
	console := func(noColor bool) zerolog.Logger {
		writer := zerolog.ConsoleWriter{Out: os.Stdout, NoColor: noColor}
		return zerolog.New(writer).With().Timestamp().Logger()
	}
	message := func(log zerolog.Logger) call {
		return func(text string, record fields) { log.Info().Msgf("amberflo_meter: %s", text) }
	}
	raw := func(log zerolog.Logger) call {
		return func(text string, record fields) { log.Info().RawJSON("amberflo_meter", []byte(text)).Msg("metered") }
	}
	field := func(log zerolog.Logger) call {
		return func(text string, record fields) { log.Info().Interface("amberflo_meter", record).Msg("metered") }
	}
	quoted := func(log zerolog.Logger) call {
		return func(text string, record fields) { log.Info().Str("amberflo_meter", text).Msg("metered") }
	}
	logs["zerolog-json"] = func() call { return message(jsonLines()) }
	logs["zerolog-json-raw"] = func() call { return raw(jsonLines()) }
	logs["zerolog-json-field"] = func() call { return field(jsonLines()) }
	logs["zerolog-json-string"] = func() call { return quoted(jsonLines()) }
	logs["zerolog-console"] = func() call { return message(console(true)) }
	logs["zerolog-console-field"] = func() call { return field(console(true)) }
	logs["zerolog-console-string"] = func() call { return quoted(console(true)) }
	logs["zerolog-colours"] = func() call { return message(console(false)) }
	logs["zerolog-colours-field"] = func() call { return field(console(false)) }
	logs["zerolog-colours-string"] = func() call { return quoted(console(false)) }
}
