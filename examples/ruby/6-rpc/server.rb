# SPDX-License-Identifier: Apache-2.0
# Answer questions about Fibonacci numbers: the answer goes where the question says, with its number on it.
require "bunny"

def fibonacci(n)
  one, two = 0, 1
  n.times { one, two = two, one + two }
  one
end

$stdout.sync = true
left = ENV["COUNT"].to_i
finished = Queue.new

connection = Bunny.new(ENV["AMQP_URL"]).start
channel = connection.create_channel
channel.prefetch(1)
channel.queue("rpc").subscribe(manual_ack: true) do |delivery, question, n|
  puts "asked: fibonacci(#{n})"
  channel.default_exchange.publish(fibonacci(n.to_i).to_s, routing_key: question.reply_to,
                                                           correlation_id: question.correlation_id)
  channel.ack(delivery.delivery_tag)
  left -= 1
  finished << true if left == 0
end
puts "waiting for questions"
finished.pop
connection.close
