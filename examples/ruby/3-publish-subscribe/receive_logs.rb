# SPDX-License-Identifier: Apache-2.0
# Listen to all log messages from now on, with a queue that lives as long as this connection.
require "bunny"

$stdout.sync = true
left = ENV["COUNT"].to_i
finished = Queue.new

connection = Bunny.new(ENV["AMQP_URL"]).start
channel = connection.create_channel
# No name: the broker invents one.  Exclusive: nobody else's, and gone with us.
queue = channel.queue("", exclusive: true).bind(channel.fanout("logs"))
queue.subscribe do |_, _, text|
  puts "received: #{text}"
  left -= 1
  finished << true if left == 0
end
puts "waiting for logs"
finished.pop
connection.close
