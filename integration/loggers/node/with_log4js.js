// log4js with its layouts, and the JSON layout that its documentation shows.

"use strict";

const { run } = require("./calls");
const log4js = require("log4js");

log4js.addLayout("json", () => (event) => JSON.stringify(event));

const to = (layout) => {
  log4js.configure({
    appenders: { out: { type: "stdout", layout } },
    categories: { default: { appenders: ["out"], level: "info" } },
  });
  return log4js.getLogger("billing");
};
const template = (log) => (record) => log.info(`amberflo_meter: ${JSON.stringify(record)}`);
const text = (log) => (record) => log.info("amberflo_meter: %s", JSON.stringify(record));
const field = (log) => (record) => log.info({ amberflo_meter: record });
const object = (log) => (record) => log.info("amberflo_meter:", record);

run({
  coloured: () => text(to({ type: "coloured" })),
  basic: () => text(to({ type: "basic" })),
  pattern: () => text(to({ type: "pattern", pattern: "%[[%d] [%p] %c - %m%]" })),
  json: () => template(to({ type: "json" })),
  "json-field": () => field(to({ type: "json" })),
  "json-words": () => text(to({ type: "json" })),
  object: () => object(to({ type: "basic" })),
});
