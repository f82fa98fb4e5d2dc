# SPDX-License-Identifier: Apache-2.0
# Bunny against the broker at AMQP_URL; scenario.py says what is asked for and restarts the broker. A line
# for each check: "ok NAME", "not ok NAME: why" or "skip NAME".

require "bigdecimal"
require "bunny"
require "securerandom"
require "timeout"

$stdout.sync = true
PATIENCE = 60
PREFIX = "ruby-#{SecureRandom.hex(4)}-".freeze

def connect(url = ENV["AMQP_URL"], **options)
  quiet = Logger.new(File::NULL)
  Bunny.new(url, { automatically_recover: false, logger: quiet, continuation_timeout: PATIENCE * 1000 }.merge(options)).start
end

def same(got, wanted)
  raise "got #{got.inspect}, wanted #{wanted.inspect}" unless got == wanted
end

def await(queue)
  Timeout.timeout(PATIENCE) { queue.pop }
end

def check(name, possible = true)
  return puts("skip #{name}") unless possible
  channel = $connection.create_channel
  begin
    send(name, channel)
    puts "ok #{name}"
  rescue StandardError => error
    puts "not ok #{name}: #{error.class} #{error.message}", error.backtrace
  end
  channel.close if channel.open? && name != :recovery
end

def exclusive(channel, arguments = {})
  channel.queue("", exclusive: true, arguments: arguments)
end

def topology(channel)
  spill = channel.fanout(PREFIX + "spill", auto_delete: true)
  spilled = exclusive(channel).bind(spill)
  routes = { direct: %w[red red], topic: %w[*.red.# x.red.y.z], fanout: ["", "any"], headers: ["", ""] }
  exchanges = routes.map do |type, (binding, key)|
    exchange = channel.exchange(PREFIX + type.to_s, type: type, arguments: { "alternate-exchange" => spill.name })
    queue = exclusive(channel, "x-max-length" => 5, "x-message-ttl" => 60_000, "x-max-priority" => 5)
    queue.bind(exchange, routing_key: binding, arguments: { "x-match" => "any", "colour" => "red", "n" => 1 })
    exchange.publish(type.to_s, routing_key: key, headers: { "n" => 1 })
    same(queue.pop[2], type.to_s)
    unless type == :fanout
      exchange.publish("elsewhere", routing_key: "blue")
      same(spilled.pop[2], "elsewhere")
    end
    exchange
  end
  exchanges[2].bind(exchanges[0], routing_key: "through")
  last = exclusive(channel).bind(exchanges[2])
  exchanges[0].publish("two exchanges", routing_key: "through")
  same(last.pop[2], "two exchanges")
  exchanges.each(&:delete)
  quorum = channel.queue(PREFIX + "quorum", durable: true,
                         arguments: { "x-queue-type" => "quorum", "x-delivery-limit" => 3 })
  same(quorum.delete.message_count, 0)
end

def confirms(channel)
  channel.confirm_select
  queue = exclusive(channel)
  500.times { |i| queue.publish("m#{i}", persistent: true) }
  same(channel.wait_for_confirms, true)
  same(queue.message_count, 500)
  full = exclusive(channel, "x-max-length" => 1, "x-overflow" => "reject-publish")
  2.times { |i| full.publish(i.to_s) }
  same([channel.wait_for_confirms, channel.nacked_set.size], [false, 1])
end

def returns(channel)
  returned = Queue.new
  exchange = channel.direct("amq.direct")
  exchange.on_return { |info, _, body| returned << [info.reply_code, info.reply_text, info.routing_key, body] }
  exchange.publish("back", routing_key: PREFIX + "nobody", mandatory: true)
  same(await(returned), [312, "NO_ROUTE", PREFIX + "nobody", "back"])
end

def headers(channel)
  table = { "string" => "marsupial \u00e9\u4e16".b, "byte" => -5, "small" => 500, "int" => -(2**31), "long" => 2**62,
            "double" => -2.25e300, "decimal" => BigDecimal("123"), "true" => true, "false" => false,
            "time" => Time.at(1_700_000_000), "nil" => nil, "list" => [1, "two", [3, 4.5], { "four" => 4 }],
            "table" => { "a" => { "b" => { "c" => false } } } }
  sent = { content_type: "text/plain", content_encoding: "utf-8", delivery_mode: 2, priority: 3, correlation_id: "c1",
           reply_to: "r1", expiration: "60000", message_id: "m1", timestamp: 1_700_000_001, type: "t1",
           user_id: "guest", app_id: "a1" }
  queue = exclusive(channel)
  queue.publish("", sent.merge(headers: table))
  got = queue.pop[1].to_hash
  same(got.delete(:headers), table)
  same(got, sent.merge(timestamp: Time.at(1_700_000_001)))
end

def prefetch(channel)
  dead = exclusive(channel)
  queue = exclusive(channel, "x-dead-letter-exchange" => "", "x-dead-letter-routing-key" => dead.name)
  channel.prefetch(2)
  %w[a b c d].each { |body| queue.publish(body) }
  got = Queue.new
  consumer = queue.subscribe(manual_ack: true, arguments: { "x-priority" => 3 }) { |info, _, body| got << [info, body] }
  a, b = await(got), await(got)
  same([queue.message_count, got.size], [2, 0])
  channel.nack(a[0].delivery_tag, false, true)
  again = await(got)
  same([again[1], again[0].redelivered?], ["a", true])
  channel.reject(b[0].delivery_tag, false)
  c = await(got)
  same(c[1], "c")
  channel.ack(c[0].delivery_tag, true)
  same(await(got)[1], "d")
  consumer.cancel
  channel.recover
  info, _, body = queue.pop
  same([body, info.redelivered?], ["d", true])
  death = dead.pop[1].headers["x-death"][0]
  same(death.values_at("reason", "queue", "count"), ["rejected", queue.name, 1])
end

def rpc(channel)
  server = exclusive(channel)
  server.subscribe do |_, request, body|
    channel.default_exchange.publish("re: #{body}", routing_key: request.reply_to, correlation_id: request.correlation_id)
  end
  client = $connection.create_channel
  answers = Queue.new
  client.basic_consume("amq.rabbitmq.reply-to", "", true) { |_, answer, body| answers << [answer.correlation_id, body] }
  20.times do |i|
    client.default_exchange.publish("question #{i}", routing_key: server.name, reply_to: "amq.rabbitmq.reply-to",
                                                     correlation_id: "c#{i}")
  end
  20.times { |i| same(await(answers), ["c#{i}", "re: question #{i}"]) }
  client.close
end

def transactions(channel)
  queue = exclusive(channel)
  channel.tx_select
  queue.publish("never")
  channel.tx_rollback
  queue.publish("one")
  same(queue.message_count, 0)
  channel.tx_commit
  info, _, body = queue.pop(manual_ack: true)
  same(body, "one")
  channel.ack(info.delivery_tag)
  channel.tx_rollback
  channel.basic_ack(info.delivery_tag.to_i, false)
  channel.tx_commit
  same(queue.message_count, 0)
end

def cancelled(channel)
  queue = exclusive(channel)
  notices = Queue.new
  consumer = Bunny::Consumer.new(channel, queue)
  consumer.on_cancellation { |notice| notices << notice.consumer_tag }
  queue.subscribe_with(consumer)
  queue.delete
  same(await(notices), consumer.consumer_tag)
end

def refusal
  channel = $connection.create_channel
  yield channel
  "not refused"
rescue Bunny::ChannelLevelException => error
  "#{error.channel_close.reply_code} #{error.message}"
end

def errors(channel)
  queue = PREFIX + "other"
  same(refusal { |other| other.queue(queue, passive: true) }, "404 NOT_FOUND - no queue '#{queue}' in vhost '/'")
  same(refusal { |other| other.direct("amq.mine") },
       "403 ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'")
  channel.queue(queue, auto_delete: true)
  same(refusal { |other| other.queue(queue, durable: true, auto_delete: true) },
       "406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue '#{queue}' in vhost '/': received 'true' but " \
       "current is 'false'")
  mine = PREFIX + "mine"
  stranger = connect
  stranger.create_channel.queue(mine, exclusive: true)
  same(refusal { |other| other.queue(mine, passive: true) }.split(".")[0],
       "405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '#{mine}' in vhost '/'")
  stranger.close
  unknown = $connection.create_channel
  noticed = Queue.new
  unknown.on_error { |_, close| noticed << "#{close.reply_code} #{close.reply_text}" }
  unknown.basic_ack(99, false)
  same(await(noticed), "406 PRECONDITION_FAILED - unknown delivery tag 99")
  channel.queue_delete(queue)
end

def bodies(_)
  small = connect(frame_max: 4096)
  same(small.frame_max, 4096)
  queue = exclusive(small.create_channel)
  [0, 1, 4087, 4088, 4089, 2_000_000].each do |size|
    body = Random.bytes(size)
    queue.publish(body)
    same(queue.pop[2] == body, true)
  end
  small.close
end

def heartbeats(_)
  beating = connect(heartbeat: 4)
  same(beating.heartbeat, 4)
  sleep 9
  same(exclusive(beating.create_channel).message_count, 0)
  beating.close
end

def tls(_)
  %i[TLSv1_2 TLSv1_3].each do |version|
    secure = connect(ENV["AMQPS_URL"], tls_ca_certificates: [ENV["CA_FILE"]], verify_peer: true, tls_version: version)
    queue = exclusive(secure.create_channel)
    queue.publish("x" * 500_000)
    same(queue.pop[2].size, 500_000)
    secure.close
  end
end

def blocked(_)
  reasons = Queue.new
  full = connect(ENV["BLOCKED_URL"])
  full.on_blocked { |notice| reasons << notice.reason }
  full.create_channel.default_exchange.publish("x", routing_key: "nobody")
  same(await(reasons), "low on disk") # and who is blocked is not heard when he says good bye
end

# What Bunny does by itself: connection, exchanges, queues, bindings and consumers are there again.
def recovery(_)
  $connection.close # it would end this program when it breaks
  recovered = Queue.new
  lasting = connect(automatically_recover: true, network_recovery_interval: 0.2,
                    recovery_completed: -> { recovered << true })
  channel = lasting.create_channel
  durable = channel.queue(PREFIX + "durable", durable: true)
  gone = channel.topic(PREFIX + "gone", auto_delete: true)
  named = exclusive(channel).bind(gone, routing_key: "#")
  channel.confirm_select
  durable.publish("kept", persistent: true)
  same(channel.wait_for_confirms, true)
  got = Queue.new
  named.subscribe { |_, _, body| got << body }
  puts "restart"
  $stdin.gets
  await(recovered)
  same(durable.pop[2], "kept")
  gone.publish("all is there again", routing_key: "a.b")
  same(await(got), "all is there again")
  durable.delete
  lasting.close
end

$connection = connect
%i[topology confirms returns headers prefetch rpc transactions cancelled errors bodies heartbeats].each { |name| check(name) }
check(:tls, ENV["AMQPS_URL"].to_s != "")
check(:blocked, ENV["BLOCKED_URL"].to_s != "")
check(:recovery, ENV["CAN_RESTART"].to_s != "")
exit!(0)
