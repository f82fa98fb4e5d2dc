# SPDX-License-Identifier: Apache-2.0
# Work on tasks, one at a time; start as many workers as you like and they share the queue.
require "bunny"

$stdout.sync = true
left = ENV["COUNT"].to_i
finished = Queue.new

connection = Bunny.new(ENV["AMQP_URL"]).start
channel = connection.create_channel
channel.prefetch(1) # no second task before the first is acknowledged: who is quick gets more
channel.queue("tasks", durable: true).subscribe(manual_ack: true) do |delivery, _, task|
  puts "working: #{task}"
  sleep task.count(".") / 10.0
  puts "done: #{task}"
  # Only now is the task off the books; had we died before, another worker would get it.
  channel.ack(delivery.delivery_tag)
  left -= 1
  finished << true if left == 0
end
puts "waiting for tasks"
finished.pop
connection.close
