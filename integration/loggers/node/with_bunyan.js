// bunyan, which writes JSON only.

"use strict";

const { run } = require("./calls");
const bunyan = require("bunyan");

const log = bunyan.createLogger({ name: "billing" });
const meter = bunyan.createLogger({ name: "amberflo_meter" });

run({
  text: () => (record) => log.info("amberflo_meter: %s", JSON.stringify(record)),
  json: () => (record) => log.info("amberflo_meter: %j", record),
  field: () => (record) => log.info({ amberflo_meter: record }, "metered"),
  both: () => (record) => log.info({ amberflo_meter: record }, "amberflo_meter: %j", record),
  object: () => (record) => log.info("amberflo_meter:", record),
  logger: () => (record) => meter.info(record),
});
