// SPDX-License-Identifier: Apache-2.0

// Send a log message under a key such as "kern.critical": emit_log KEY TEXT…
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	channel, err := connection.Channel()
	must(err)
	must(channel.ExchangeDeclare("topic_logs", "topic", false, false, false, false, nil))
	key, text := "anonymous.info", "nothing to see here"
	if len(os.Args) > 2 {
		key, text = os.Args[1], strings.Join(os.Args[2:], " ")
	}
	must(channel.PublishWithContext(context.Background(), "topic_logs", key, false, false,
		amqp.Publishing{Body: []byte(text)}))
	fmt.Printf("sent: %s: %s\n", key, text)
	must(connection.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
