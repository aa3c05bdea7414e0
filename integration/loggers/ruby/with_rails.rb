# The loggers of Rails: tags in brackets, and lograge, which writes one line for each request.

require "action_pack"
require "active_support"
require "active_support/logger"
require "active_support/notifications"
require "active_support/tagged_logging"
require "lograge"
require_relative "calls"

logger = ActiveSupport::TaggedLogging.new(ActiveSupport::Logger.new($stdout))

REQUEST = { method: "GET", path: "/orders", format: :html, controller: "Orders", action: "index", status: 200 }.freeze
PROCESS_ACTION = "process_action.action_controller".freeze

# Logs one request for each record. What a controller adds to the payload is in the line.
def lograge(formatter, &payload)
  Lograge.logger = ActiveSupport::Logger.new($stdout)
  Lograge.formatter = formatter
  Lograge.custom_options = ->(event) { { amberflo_meter: event.payload[:meter] } }
  subscriber = Lograge::RequestLogSubscriber.new
  ActiveSupport::Notifications.subscribe(PROCESS_ACTION) do |*event|
    subscriber.process_action(ActiveSupport::Notifications::Event.new(*event))
  end
  ->(record) { ActiveSupport::Notifications.instrument(PROCESS_ACTION, REQUEST.merge(payload.call(record))) }
end

run(
  "tagged" => lambda {
    ->(record) { logger.tagged("8286a188") { logger.info("amberflo_meter: #{record.to_json}") } }
  },
  "tag" => -> { ->(record) { logger.tagged("amberflo_meter") { logger.info(record.to_json) } } },
  "lograge" => -> { lograge(Lograge::Formatters::KeyValue.new) { |record| { meter: record.to_json } } },
  "lograge-json" => -> { lograge(Lograge::Formatters::Json.new) { |record| { meter: record } } },
  "lograge-hash" => -> { lograge(Lograge::Formatters::KeyValue.new) { |record| { meter: record } } }
)
