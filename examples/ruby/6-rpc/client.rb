# SPDX-License-Identifier: Apache-2.0
# Ask the server, wait for the answer: client.rb N…  Several questions are under way at once.
require "bunny"
require "securerandom"

connection = Bunny.new(ENV["AMQP_URL"]).start
channel = connection.create_channel
answers = Queue.new
replies = channel.queue("", exclusive: true)
replies.subscribe { |_, properties, body| answers << [properties.correlation_id, body] }

questions = (ARGV.empty? ? ["30"] : ARGV).to_h { |n| [SecureRandom.uuid, n] }
questions.each do |number, n|
  channel.default_exchange.publish(n, routing_key: "rpc", reply_to: replies.name, correlation_id: number)
end
found = {}
while found.size < questions.size
  number, answer = answers.pop
  # An answer to a question that we didn't ask is none of our business.
  found[number] = answer if questions.key?(number)
end
questions.each { |number, n| puts "fibonacci(#{n}) = #{found[number]}" }
connection.close
