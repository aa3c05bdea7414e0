# Ruby's own logger.

require "logger"
require_relative "calls"

log = Logger.new($stdout, progname: "billing")

json = lambda do |severity, time, progname, message|
  fields = message.is_a?(Hash) ? message : { message: message }
  "#{JSON.generate({ level: severity, time: time, progname: progname }.merge(fields))}\n"
end
text = ->(record) { log.info("amberflo_meter: #{record.to_json}") }
field = ->(record) { log.info({ amberflo_meter: record }) }
to_json = ->(call) { log.formatter = json; call }

run(
  "text" => -> { text },
  "json" => -> { to_json.call(text) },
  "json-field" => -> { to_json.call(field) },
  "hash" => -> { field }
)
