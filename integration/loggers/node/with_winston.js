// winston with the formats that it has.

"use strict";

const { run } = require("./calls");
const { createLogger, format, transports } = require("winston");

const { cli, colorize, combine, errors, json, logstash, prettyPrint, printf, simple, splat, timestamp } = format;
const line = printf(({ timestamp, level, message }) => `${timestamp} [${level}]: ${message}`);

const to = (...formats) => createLogger({ format: combine(...formats), transports: [new transports.Console()] });
const text = (logger) => (record) => logger.info(`amberflo_meter: ${JSON.stringify(record)}`);
const field = (logger) => (record) => logger.info("metered", { amberflo_meter: record });
const splatted = (logger) => (record) => logger.info("amberflo_meter: %s", JSON.stringify(record));
const splattedJSON = (logger) => (record) => logger.info("amberflo_meter: %j", record);
const both = (logger) => (record) => logger.info("amberflo_meter: %j", record, { amberflo_meter: record });
const splattedObject = (logger) => (record) => logger.info("amberflo_meter: %O", record);

run({
  simple: () => text(to(simple())),
  "simple-field": () => field(to(simple())),
  colours: () => text(to(colorize({ all: true }), simple())),
  cli: () => text(to(cli())),
  printf: () => text(to(colorize(), timestamp(), line)),
  json: () => text(to(timestamp(), json())),
  "json-field": () => field(to(timestamp(), json())),
  "json-colours": () => text(to(colorize({ all: true }), json())),
  splat: () => splatted(to(errors({ stack: true }), splat(), json())),
  "splat-json": () => splattedJSON(to(errors({ stack: true }), splat(), json())),
  "splat-both": () => both(to(errors({ stack: true }), splat(), json())),
  logstash: () => text(to(timestamp(), logstash())),
  "logstash-field": () => field(to(timestamp(), logstash())),
  "splat-object": () => splattedObject(to(splat(), simple())),
  pretty: () => field(to(prettyPrint())),
});
