// SPDX-License-Identifier: Apache-2.0

// Listen by pattern: receive_logs PATTERN…  In a pattern * is one word and # any number of words.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	left, _ := strconv.Atoi(os.Getenv("COUNT"))
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	channel, err := connection.Channel()
	must(err)
	must(channel.ExchangeDeclare("topic_logs", "topic", false, false, false, false, nil))
	queue, err := channel.QueueDeclare("", false, false, true, false, nil)
	must(err)
	for _, pattern := range os.Args[1:] {
		must(channel.QueueBind(queue.Name, pattern, "topic_logs", false, nil))
	}
	messages, err := channel.Consume(queue.Name, "", true, false, false, false, nil)
	must(err)
	fmt.Println("waiting for logs")
	for message := range messages {
		fmt.Printf("received: %s: %s\n", message.RoutingKey, message.Body)
		if left--; left == 0 {
			break
		}
	}
	must(connection.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
