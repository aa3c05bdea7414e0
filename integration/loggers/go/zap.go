package main

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func init() {
	production := func() *zap.Logger {
		log, err := zap.NewProduction()
		check(err)
		return log
	}
	development := func(level zapcore.LevelEncoder) *zap.Logger {
		config := zap.NewDevelopmentConfig()
		config.EncoderConfig.EncodeLevel = level
		log, err := config.Build()
		check(err)
		return log
	}
	message := func(log *zap.Logger) call {
		return func(text string, record fields) { log.Sugar().Infof("amberflo_meter: %s", text) }
	}
	field := func(log *zap.Logger) call {
		return func(text string, record fields) { log.Info("metered", zap.Any("amberflo_meter", record)) }
	}
	quoted := func(log *zap.Logger) call {
		return func(text string, record fields) { log.Info("metered", zap.String("amberflo_meter", text)) }
	}
	both := func(log *zap.Logger) call {
		return func(text string, record fields) { log.Info("amberflo_meter: "+text, zap.Any("amberflo_meter", record)) }
	}
	logs["zap-json"] = func() call { return message(production()) }
	logs["zap-json-field"] = func() call { return field(production()) }
	logs["zap-json-string"] = func() call { return quoted(production()) }
	logs["zap-json-both"] = func() call { return both(production()) }
	logs["zap-console"] = func() call { return message(development(zapcore.CapitalLevelEncoder)) }
	logs["zap-console-field"] = func() call { return field(development(zapcore.CapitalLevelEncoder)) }
	logs["zap-colours"] = func() call { return message(development(zapcore.CapitalColorLevelEncoder)) }
	logs["zap-colours-field"] = func() call { return field(development(zapcore.CapitalColorLevelEncoder)) }
}
