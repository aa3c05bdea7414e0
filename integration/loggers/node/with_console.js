// Node's console, alone and as Lambda's runtime changes it.
//
// The runtime isn't a package of Debian. What it does is in its source, aws-lambda-nodejs-runtime-interface-client,
// src/LogPatch.js: in text a line feed of a message becomes a carriage return; in JSON a single argument stays what it
// is, several are formatted.

"use strict";

const { run } = require("./calls");
const { format } = require("util");

const requestId = "8286a188-ba32-4475-8077-530cd35c09a9";

const lambdaText = () => {
  console.log = (...words) => {
    const message = format(...words).replace(/\n/g, "\r");
    process.stdout.write(`${new Date().toISOString()}\t${requestId}\tINFO\t${message}\n`);
  };
};
const lambdaJSON = () => {
  console.log = (...words) => {
    const message = words.length === 1 ? words[0] : format(...words);
    const line = { timestamp: new Date().toISOString(), level: "INFO", requestId, message };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
};

const template = (record) => console.log(`amberflo_meter: ${JSON.stringify(record)}`);
const words = (record) => console.log("amberflo_meter", JSON.stringify(record));
const percent = (record) => console.log("amberflo_meter: %j", record);
const json = (record) => console.log(JSON.stringify({ amberflo_meter: record }));
const object = (record) => console.log({ amberflo_meter: record });
const inspected = (record) => console.log("amberflo_meter", record);
const inspectedText = (record) => console.log({ amberflo_meter: JSON.stringify(record) });

const configurations = { template, words, percent, json, object, inspected, "inspected-text": inspectedText };
const named = {};
for (const [name, log] of Object.entries(configurations)) {
  named[name] = () => log;
  named[`lambda-text-${name}`] = () => (lambdaText(), log);
  named[`lambda-json-${name}`] = () => (lambdaJSON(), log);
}
run(named);
