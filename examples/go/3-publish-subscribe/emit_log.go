// SPDX-License-Identifier: Apache-2.0

// Tell everyone who listens: a fanout exchange copies the message into every queue bound to it.
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
	must(channel.ExchangeDeclare("logs", "fanout", false, false, false, false, nil))
	text := strings.Join(os.Args[1:], " ")
	if text == "" {
		text = "info: the sun is down, come out"
	}
	must(channel.PublishWithContext(context.Background(), "logs", "", false, false,
		amqp.Publishing{Body: []byte(text)}))
	fmt.Println("sent:", text)
	must(connection.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
