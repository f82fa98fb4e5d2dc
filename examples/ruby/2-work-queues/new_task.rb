# SPDX-License-Identifier: Apache-2.0
# Queue a task for each argument.  The task is a text; every dot in it is a tenth of a second of work.
require "bunny"

connection = Bunny.new(ENV["AMQP_URL"]).start
channel = connection.create_channel

# A durable queue and persistent messages: the work survives a restart of the broker.
queue = channel.queue("tasks", durable: true)
(ARGV.empty? ? ["dig a burrow..."] : ARGV).each do |task|
  queue.publish(task, persistent: true)
  puts "queued: #{task}"
end
connection.close
