// SPDX-License-Identifier: Apache-2.0

// The Go client (amqp091-go) against the broker at AMQP_URL; scenario.py says what is asked for and
// restarts the broker.  A line for each check: "ok NAME", "not ok NAME: why" or "skip NAME".
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"reflect"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const patience = 60 * time.Second

var (
	prefix     = fmt.Sprintf("go-%08x-", rand.New(rand.NewSource(time.Now().UnixNano())).Uint32())
	connection *amqp.Connection
	background = context.Background()
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(got, wanted interface{}) {
	if !reflect.DeepEqual(got, wanted) {
		panic(fmt.Sprintf("got %#v, wanted %#v", got, wanted))
	}
}

func check(name string, possible bool, run func(channel *amqp.Channel)) {
	if !possible {
		fmt.Println("skip " + name)
		return
	}
	channel, err := connection.Channel()
	must(err)
	defer channel.Close()
	defer func() {
		if why := recover(); why != nil {
			fmt.Printf("not ok %s: %v\n", name, why)
		} else {
			fmt.Println("ok " + name)
		}
	}()
	run(channel)
}

func exclusive(channel *amqp.Channel, arguments amqp.Table) string {
	queue, err := channel.QueueDeclare("", false, false, true, false, arguments)
	must(err)
	return queue.Name
}

func publish(channel *amqp.Channel, exchange, key string, message amqp.Publishing) {
	must(channel.PublishWithContext(background, exchange, key, false, false, message))
}

func text(body string) amqp.Publishing {
	return amqp.Publishing{Body: []byte(body)}
}

func get(channel *amqp.Channel, queue string) string {
	message, found, err := channel.Get(queue, true)
	must(err)
	if !found {
		return "(none)"
	}
	return string(message.Body)
}

func count(channel *amqp.Channel, queue string) int {
	found, err := channel.QueueInspect(queue)
	must(err)
	return found.Messages
}

func next(deliveries <-chan amqp.Delivery) amqp.Delivery {
	select {
	case delivery := <-deliveries:
		return delivery
	case <-time.After(patience):
		panic("nothing came")
	}
}

func wait(confirmed <-chan amqp.Confirmation) amqp.Confirmation {
	select {
	case confirmation := <-confirmed:
		return confirmation
	case <-time.After(patience):
		panic("no confirmation")
	}
}

func topology(channel *amqp.Channel) {
	spill := prefix + "spill"
	must(channel.ExchangeDeclare(spill, "fanout", false, true, false, false, nil))
	spilled := exclusive(channel, nil)
	must(channel.QueueBind(spilled, "", spill, false, nil))
	routes := [][3]string{{"direct", "red", "red"}, {"topic", "*.red.#", "x.red.y.z"}, {"fanout", "", "any"},
		{"headers", "", ""}}
	for _, route := range routes {
		exchange := prefix + route[0]
		must(channel.ExchangeDeclare(exchange, route[0], false, false, false, false,
			amqp.Table{"alternate-exchange": spill}))
		queue := exclusive(channel, amqp.Table{"x-max-length": 5, "x-message-ttl": int64(60000),
			"x-max-priority": byte(5)})
		must(channel.QueueBind(queue, route[1], exchange, false,
			amqp.Table{"x-match": "any", "colour": "red", "n": 1}))
		publish(channel, exchange, route[2], amqp.Publishing{Headers: amqp.Table{"n": int16(1)},
			Body: []byte(route[0])})
		same(get(channel, queue), route[0])
		if route[0] != "fanout" {
			publish(channel, exchange, "blue", text("elsewhere"))
			same(get(channel, spilled), "elsewhere")
		}
	}
	must(channel.ExchangeBind(prefix+"fanout", "through", prefix+"direct", false, nil))
	last := exclusive(channel, nil)
	must(channel.QueueBind(last, "", prefix+"fanout", false, nil))
	publish(channel, prefix+"direct", "through", text("two exchanges"))
	same(get(channel, last), "two exchanges")
	for _, route := range routes {
		must(channel.ExchangeDelete(prefix+route[0], false, false))
	}
	_, err := channel.QueueDeclare(prefix+"quorum", true, false, false, false,
		amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": 3})
	must(err)
	left, err := channel.QueueDelete(prefix+"quorum", false, false, false)
	must(err)
	same(left, 0)
}

func confirms(channel *amqp.Channel) {
	must(channel.Confirm(false))
	queue := exclusive(channel, nil)
	confirmed := channel.NotifyPublish(make(chan amqp.Confirmation, 600))
	for i := 1; i <= 500; i++ {
		publish(channel, "", queue, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("m")})
	}
	for i := uint64(1); i <= 500; i++ {
		same(wait(confirmed), amqp.Confirmation{DeliveryTag: i, Ack: true})
	}
	same(count(channel, queue), 500)
	full := exclusive(channel, amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"})
	publish(channel, "", full, text("1"))
	publish(channel, "", full, text("2"))
	same([]bool{wait(confirmed).Ack, wait(confirmed).Ack}, []bool{true, false})
}

func returns(channel *amqp.Channel) {
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))
	must(channel.PublishWithContext(background, "amq.direct", prefix+"nobody", true, false, text("back")))
	select {
	case back := <-returned:
		same(fmt.Sprint(back.ReplyCode, " ", back.ReplyText, " ", back.RoutingKey, " ", string(back.Body)),
			"312 NO_ROUTE "+prefix+"nobody back")
	case <-time.After(patience):
		panic("nothing came")
	}
}

func headers(channel *amqp.Channel) {
	table := amqp.Table{"string": "marsupial \u00e9\u4e16", "byte": byte(250), "short": int16(-500),
		"int": int32(math.MinInt32), "long": int64(math.MaxInt64), "float": float32(1.5), "double": -2.25e300,
		"decimal": amqp.Decimal{Scale: 2, Value: 12345}, "bool": true, "bytes": []byte{0, 1, 255}, "void": nil,
		"time":  time.Unix(1700000000, 0),
		"list":  []interface{}{int32(1), "two", []interface{}{int64(3), nil}, amqp.Table{"four": int32(4)}},
		"table": amqp.Table{"a": amqp.Table{"b": amqp.Table{"c": false}}}}
	sent := amqp.Publishing{Headers: table, ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: 2,
		Priority: 3, CorrelationId: "c1", ReplyTo: "r1", Expiration: "60000", MessageId: "m1",
		Timestamp: time.Unix(1700000001, 0), Type: "t1", UserId: "guest", AppId: "a1", Body: []byte("x")}
	queue := exclusive(channel, nil)
	publish(channel, "", queue, sent)
	got, _, err := channel.Get(queue, true)
	must(err)
	same(got.Headers, table)
	same(amqp.Publishing{Headers: table, ContentType: got.ContentType, ContentEncoding: got.ContentEncoding,
		DeliveryMode: got.DeliveryMode, Priority: got.Priority, CorrelationId: got.CorrelationId,
		ReplyTo: got.ReplyTo, Expiration: got.Expiration, MessageId: got.MessageId, Timestamp: got.Timestamp,
		Type: got.Type, UserId: got.UserId, AppId: got.AppId, Body: got.Body}, sent)
}

func prefetch(channel *amqp.Channel) {
	dead := exclusive(channel, nil)
	queue := exclusive(channel, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	must(channel.Qos(2, 0, false))
	for _, body := range []string{"a", "b", "c", "d"} {
		publish(channel, "", queue, text(body))
	}
	deliveries, err := channel.Consume(queue, "me", false, false, false, false, amqp.Table{"x-priority": 3})
	must(err)
	a, b := next(deliveries), next(deliveries)
	same([]int{count(channel, queue), len(deliveries)}, []int{2, 0})
	must(a.Nack(false, true))
	again := next(deliveries)
	same(fmt.Sprint(string(again.Body), again.Redelivered), "atrue")
	must(b.Reject(false))
	c := next(deliveries)
	same(string(c.Body), "c")
	must(c.Ack(true))
	same(string(next(deliveries).Body), "d")
	must(channel.Cancel("me", false))
	must(channel.Recover(true))
	d, _, err := channel.Get(queue, true)
	must(err)
	same(fmt.Sprint(string(d.Body), d.Redelivered), "dtrue")
	letter, _, err := channel.Get(dead, true)
	must(err)
	death := letter.Headers["x-death"].([]interface{})[0].(amqp.Table)
	same([]interface{}{death["reason"], death["queue"], death["count"]}, []interface{}{"rejected", queue, int64(1)})
}

func rpc(channel *amqp.Channel) {
	server := exclusive(channel, nil)
	requests, err := channel.Consume(server, "", true, false, false, false, nil)
	must(err)
	go func() {
		for request := range requests {
			publish(channel, "", request.ReplyTo, amqp.Publishing{CorrelationId: request.CorrelationId,
				Body: append([]byte("re: "), request.Body...)})
		}
	}()
	client, err := connection.Channel()
	must(err)
	answers, err := client.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)
	must(err)
	for i := 0; i < 20; i++ {
		publish(client, "", server, amqp.Publishing{CorrelationId: fmt.Sprint("c", i),
			ReplyTo: "amq.rabbitmq.reply-to", Body: []byte(fmt.Sprint("question ", i))})
	}
	for i := 0; i < 20; i++ {
		answer := next(answers)
		same(answer.CorrelationId+" "+string(answer.Body), fmt.Sprintf("c%d re: question %d", i, i))
	}
	must(client.Close())
}

func transactions(channel *amqp.Channel) {
	queue := exclusive(channel, nil)
	must(channel.Tx())
	publish(channel, "", queue, text("never"))
	must(channel.TxRollback())
	publish(channel, "", queue, text("one"))
	same(count(channel, queue), 0)
	must(channel.TxCommit())
	one, _, err := channel.Get(queue, false)
	must(err)
	same(string(one.Body), "one")
	must(one.Ack(false))
	must(channel.TxRollback())
	must(one.Ack(false))
	must(channel.TxCommit())
	same(count(channel, queue), 0)
}

func cancelled(channel *amqp.Channel) {
	queue := exclusive(channel, nil)
	notices := channel.NotifyCancel(make(chan string, 1))
	_, err := channel.Consume(queue, "me", false, false, false, false, nil)
	must(err)
	_, err = channel.QueueDelete(queue, false, false, false)
	must(err)
	select {
	case tag := <-notices:
		same(tag, "me")
	case <-time.After(patience):
		panic("no notification")
	}
}

// What the broker says to what is done on a channel of its own.
func refusal(do func(channel *amqp.Channel) error) string {
	channel, err := connection.Channel()
	must(err)
	closed := channel.NotifyClose(make(chan *amqp.Error, 1))
	_ = do(channel)
	select {
	case reason := <-closed:
		return fmt.Sprint(reason.Code, " ", reason.Reason)
	case <-time.After(patience):
		return "not refused"
	}
}

func errorTexts(channel *amqp.Channel) {
	queue, mine := prefix+"other", prefix+"mine"
	same(refusal(func(channel *amqp.Channel) error {
		_, err := channel.QueueInspect(queue)
		return err
	}), "404 NOT_FOUND - no queue '"+queue+"' in vhost '/'")
	same(refusal(func(channel *amqp.Channel) error {
		return channel.ExchangeDeclare("amq.mine", "direct", false, false, false, false, nil)
	}), "403 ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'")
	_, err := channel.QueueDeclare(queue, false, false, false, false, nil)
	must(err)
	same(refusal(func(channel *amqp.Channel) error {
		_, err := channel.QueueDeclare(queue, true, false, false, false, nil)
		return err
	}), "406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue '"+queue+
		"' in vhost '/': received 'true' but current is 'false'")
	other, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	owner, err := other.Channel()
	must(err)
	_, err = owner.QueueDeclare(mine, false, false, true, false, nil)
	must(err)
	same(strings.Split(refusal(func(channel *amqp.Channel) error {
		_, err := channel.QueueInspect(mine)
		return err
	}), ".")[0], "405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '"+mine+"' in vhost '/'")
	must(other.Close())
	same(refusal(func(channel *amqp.Channel) error { return channel.Ack(99, false) }),
		"406 PRECONDITION_FAILED - unknown delivery tag 99")
	_, err = channel.QueueDelete(queue, false, false, false)
	must(err)
}

func bodies(*amqp.Channel) {
	small, err := amqp.DialConfig(os.Getenv("AMQP_URL"), amqp.Config{FrameSize: 4096})
	must(err)
	same(small.Config.FrameSize, 4096)
	channel, err := small.Channel()
	must(err)
	queue := exclusive(channel, nil)
	for _, size := range []int{0, 1, 4087, 4088, 4089, 3000000} {
		body := make([]byte, size)
		rand.Read(body)
		publish(channel, "", queue, amqp.Publishing{Body: body})
		same(bytes.Equal([]byte(get(channel, queue)), body), true)
	}
	must(small.Close())
}

func heartbeats(*amqp.Channel) {
	beating, err := amqp.DialConfig(os.Getenv("AMQP_URL"), amqp.Config{Heartbeat: 4 * time.Second})
	must(err)
	same(beating.Config.Heartbeat, 4*time.Second)
	time.Sleep(9 * time.Second)
	channel, err := beating.Channel()
	must(err)
	exclusive(channel, nil)
	must(beating.Close())
}

func secure(*amqp.Channel) {
	authority, err := os.ReadFile(os.Getenv("CA_FILE"))
	must(err)
	roots := x509.NewCertPool()
	same(roots.AppendCertsFromPEM(authority), true)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		other, err := amqp.DialTLS(os.Getenv("AMQPS_URL"), &tls.Config{RootCAs: roots, MinVersion: version,
			MaxVersion: version})
		must(err)
		channel, err := other.Channel()
		must(err)
		queue := exclusive(channel, nil)
		publish(channel, "", queue, text(strings.Repeat("x", 500000)))
		same(len(get(channel, queue)), 500000)
		must(other.Close())
	}
}

func blocked(*amqp.Channel) {
	full, err := amqp.Dial(os.Getenv("BLOCKED_URL"))
	must(err)
	notices := full.NotifyBlocked(make(chan amqp.Blocking, 1))
	channel, err := full.Channel()
	must(err)
	publish(channel, "", "nobody", text("x"))
	select {
	case notice := <-notices:
		same(notice, amqp.Blocking{Active: true, Reason: "low on disk"})
	case <-time.After(patience):
		panic("no notification")
	}
}

// It doesn't recover by itself: what an application does, when it hears of the end, is to dial again.
func recovery(channel *amqp.Channel) {
	ended := connection.NotifyClose(make(chan *amqp.Error, 1))
	queue := prefix + "durable"
	_, err := channel.QueueDeclare(queue, true, false, false, false, nil)
	must(err)
	must(channel.Confirm(false))
	confirmed := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	publish(channel, "", queue, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("kept")})
	same(wait(confirmed).Ack, true)
	fmt.Println("restart")
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	must(err)
	select {
	case reason := <-ended:
		same(reason != nil && !errors.Is(reason, amqp.ErrClosed), true)
	case <-time.After(patience):
		panic("the end was not noticed")
	}
	var again *amqp.Connection
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if again, err = amqp.Dial(os.Getenv("AMQP_URL")); err == nil {
			break
		} else if time.Now().After(end) {
			panic(err)
		}
	}
	fresh, err := again.Channel()
	must(err)
	same(get(fresh, queue), "kept")
	_, err = fresh.QueueDelete(queue, false, false, false)
	must(err)
	must(again.Close())
}

func main() {
	var err error
	connection, err = amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	check("topology", true, topology)
	check("confirms", true, confirms)
	check("returns", true, returns)
	check("headers", true, headers)
	check("prefetch", true, prefetch)
	check("rpc", true, rpc)
	check("transactions", true, transactions)
	check("cancelled", true, cancelled)
	check("errors", true, errorTexts)
	check("bodies", true, bodies)
	check("heartbeats", true, heartbeats)
	check("tls", os.Getenv("AMQPS_URL") != "", secure)
	check("blocked", os.Getenv("BLOCKED_URL") != "", blocked)
	check("recovery", os.Getenv("CAN_RESTART") != "", recovery)
}
