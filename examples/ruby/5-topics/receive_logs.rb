# SPDX-License-Identifier: Apache-2.0
# Listen by pattern: receive_logs.rb PATTERN…  In a pattern * is one word and # any number of words.
require "bunny"

$stdout.sync = true
left = ENV["COUNT"].to_i
finished = Queue.new

connection = Bunny.new(ENV["AMQP_URL"]).start
channel = connection.create_channel
logs = channel.topic("topic_logs")
queue = channel.queue("", exclusive: true)
(ARGV.empty? ? ["#"] : ARGV).each { |pattern| queue.bind(logs, routing_key: pattern) }
queue.subscribe do |delivery, _, text|
  puts "received: #{delivery.routing_key}: #{text}"
  left -= 1
  finished << true if left == 0
end
puts "waiting for logs"
finished.pop
connection.close
