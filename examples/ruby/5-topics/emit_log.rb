# SPDX-License-Identifier: Apache-2.0
# Send a log message under a key such as "kern.critical": emit_log.rb KEY TEXT…
require "bunny"

connection = Bunny.new(ENV["AMQP_URL"]).start
key = ARGV.shift || "anonymous.info"
text = ARGV.empty? ? "nothing to see here" : ARGV.join(" ")
connection.create_channel.topic("topic_logs").publish(text, routing_key: key)
puts "sent: #{key}: #{text}"
connection.close
