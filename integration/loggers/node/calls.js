// The part that all programs here share: log each record, and end each log event with a record separator.

"use strict";

const fs = require("fs");

/** Sets up the named configuration and logs every record of the file with it. */
exports.run = async (configurations) => {
  const [name, file] = process.argv.slice(2);
  const log = configurations[name]();
  for (const line of fs.readFileSync(file, "utf8").trimEnd().split("\n")) {
    log(JSON.parse(line));
    await new Promise(setImmediate);
    process.stdout.write("\x1e\n");
  }
};
