# SPDX-License-Identifier: Apache-2.0
# Tell everyone who listens: a fanout exchange copies the message into every queue bound to it.
require "bunny"

connection = Bunny.new(ENV["AMQP_URL"]).start
text = ARGV.empty? ? "info: the sun is down, come out" : ARGV.join(" ")
connection.create_channel.fanout("logs").publish(text)
puts "sent: #{text}"
connection.close
