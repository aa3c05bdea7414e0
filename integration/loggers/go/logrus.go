package main

import (
	"os"

	"github.com/sirupsen/logrus"
)

func init() {
	with := func(formatter logrus.Formatter) *logrus.Logger {
		return &logrus.Logger{Out: os.Stdout, Formatter: formatter, Level: logrus.InfoLevel}
	}
	message := func(log *logrus.Logger) call {
		return func(text string, record fields) { log.Infof("amberflo_meter: %s", text) }
	}
	field := func(log *logrus.Logger) call {
		return func(text string, record fields) { log.WithField("amberflo_meter", record).Info("metered") }
	}
	quoted := func(log *logrus.Logger) call {
		return func(text string, record fields) { log.WithField("amberflo_meter", text).Info("metered") }
	}
	plain := func() *logrus.Logger { return with(&logrus.TextFormatter{}) }
	coloured := func() *logrus.Logger { return with(&logrus.TextFormatter{ForceColors: true}) }
	jsonLines := func() *logrus.Logger { return with(&logrus.JSONFormatter{}) }
	logs["logrus-text"] = func() call { return message(plain()) }
	logs["logrus-text-field"] = func() call { return quoted(plain()) }
	logs["logrus-text-object"] = func() call { return field(plain()) }
	logs["logrus-colours"] = func() call { return message(coloured()) }
	logs["logrus-colours-field"] = func() call { return quoted(coloured()) }
	logs["logrus-json"] = func() call { return message(jsonLines()) }
	logs["logrus-json-field"] = func() call { return field(jsonLines()) }
	logs["logrus-json-string"] = func() call { return quoted(jsonLines()) }
}
