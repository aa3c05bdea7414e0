// A Node agent as a vendor's is described to be, with the network taken out: what ours is measured beside.
//
// `node node_agent.js FILE` reads Lambda events, one a line, puts the records of each into one array, and writes
// them to stdout as NDJSON. Like python_agent.py it is an opponent, not an oracle.
'use strict'
const crypto = require('crypto')
const fs = require('fs')
const zlib = require('zlib')

const TAG = 'amberflo_meter'
const PATTERN = /amberflo_meter:\s*(\{.*\})/

function record(fields, timestamp) {
  return {
    uniqueId: fields.uniqueId || crypto.randomUUID(),
    meterApiName: fields.meterApiName,
    meterValue: fields.meterValue,
    meterTimeInMillis: fields.meterTimeInMillis || timestamp || Date.now(),
    customerId: fields.customerId,
    dimensions: fields.dimensions || {},
  }
}

function handle(event) {
  const found = []
  for (const item of event.Records) {
    const data = zlib.gunzipSync(Buffer.from(item.kinesis.data, 'base64'))
    for (const logEvent of JSON.parse(data.toString('utf8')).logEvents) {
      const message = logEvent.message
      if (!message.includes(TAG)) continue
      let fields
      if (message.startsWith('{')) {
        fields = JSON.parse(message)[TAG]
      } else {
        const match = PATTERN.exec(message)
        fields = match && JSON.parse(match[1])
      }
      if (fields) found.push(record(fields, logEvent.timestamp))
    }
  }
  return found.map((item) => JSON.stringify(item)).join('\n') + '\n'
}

for (const line of fs.readFileSync(process.argv[2], 'utf8').split('\n')) {
  if (line) fs.writeSync(1, handle(JSON.parse(line)))
}
