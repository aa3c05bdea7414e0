# The part that all programs here share: log each record, and end each log event with a record separator.

require "json"

$stdout.sync = true

# Sets up the named configuration and logs every record of the file with it.
def run(configurations)
  name, records = ARGV
  log = configurations.fetch(name).call
  File.foreach(records, encoding: "UTF-8") do |line|
    log.call(JSON.parse(line))
    print "\x1e\n"
  end
end
